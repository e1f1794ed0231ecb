#include "models/composition/members.h"

#include <algorithm>
#include <cmath>

#include "base/exp.h"
#include "base/text_params.h"
#include "models/heap_bytes.h"
#include "models/registry.h"

namespace leat::committees {

Result<std::unique_ptr<Model>> MakeMember(std::string_view owner, const std::string& text,
                                          const InputSpec& inputs, Task task) {
  const auto refuse = [&](std::string_view why) {
    return Status::Invalid(std::string(owner) + ": member '" + text + "': " + std::string(why));
  };
  const auto spec = ParseTextSpec(text);
  if (!spec.ok()) return refuse(spec.status().message());
  const auto factory = spec->name.starts_with("committee") ? nullptr : NewModelFactory(spec->name);
  if (factory == nullptr) return refuse("no type that a member can have");
  for (const auto& [name, value] : spec->options) {
    if (!name.starts_with("coverage")) continue;
    return refuse(name + ": a member's regions are not used; give it to the " + std::string(owner));
  }
  TextParams params(spec->options);
  factory->Describe(params);
  if (!params.status().ok()) return refuse(params.status().message());
  if (factory->task() != task) {
    return refuse(task == Task::kClassification ? "it is no classifier"
                                                : "it does not predict a number");
  }
  auto made = factory->Make(inputs);
  if (!made.ok()) return refuse(made.status().message());
  return made;
}

Result<Members> MakeMembers(std::string_view committee, const CommitteeOptions& options,
                            const InputSpec& inputs, Task task) {
  if (options.members.size() < 2 || options.members.size() > 64) {
    return Status::Invalid(std::string(committee) + ": found " +
                           std::to_string(options.members.size()) + " members, expected 2 to 64");
  }
  Members members;
  for (const std::string& text : options.members) {
    LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Model> member, MakeMember(committee, text, inputs, task));
    members.push_back(std::move(member));
  }
  return members;
}

CommitteeBase::CommitteeBase(std::string_view name, const CommitteeOptions& options,
                             const InputSpec& inputs, Task task, Members members)
    : name_(name),
      options_(options),
      inputs_(inputs),
      task_(task),
      keep_(Exp(-0.6931471805599453 / options.half_life)),
      members_(std::move(members)),
      loss_(members_.size()),
      race_(members_.size(), options.round) {}

size_t CommitteeBase::AskAll(const Input& input, std::vector<std::vector<double>>& said) const {
  said.resize(members_.size());
  size_t longest = 0;
  for (size_t m = 0; m < members_.size(); ++m) {
    said[m].clear();
    if (members_[m] != nullptr) members_[m]->Predict(input, said[m]);
    longest = std::max(longest, said[m].size());
  }
  return longest;
}

void CommitteeBase::TeachAll(const Input& input, double target, double weight) {
  for (auto& member : members_) {
    if (member != nullptr) member->Learn(input, target, weight);
  }
}

size_t CommitteeBase::Leader() const {
  if (racing() && race_.has_leader()) return race_.leader();
  size_t best = members_.size();
  for (size_t m = 0; m < members_.size(); ++m) {
    if (members_[m] != nullptr && (best == members_.size() || loss_[m] < loss_[best])) best = m;
  }
  return best;
}

double CommitteeBase::Voice(size_t m, size_t leader) const {
  if (members_[m] == nullptr) return 0;
  if (racing()) return m == leader ? 1.0 : 0.0;
  return Exp(options_.sharpness * (loss_[leader] - loss_[m]));
}

void CommitteeBase::Charge(std::span<const double> losses, size_t label, size_t classes) {
  for (size_t m = 0; m < members_.size(); ++m) loss_[m] = keep_ * loss_[m] + losses[m];
  if (!racing()) return;
  thread_local std::vector<uint8_t> here;
  here.clear();
  for (const auto& member : members_) here.push_back(member != nullptr ? 1 : 0);
  if (!race_.Judge(losses, here, label, classes)) return;
  for (const size_t m : race_.lost()) members_[m].reset();
}

std::vector<double> CommitteeBase::Doubts() const {
  std::vector<double> doubt(terms());
  for (size_t i = 0; i < terms(); ++i) doubt[i] = Doubt(i);
  return doubt;
}

void CommitteeBase::GrowStack(size_t sets) {
  const size_t had = values_.size() / terms();
  if (had >= sets) return;
  values_.reserve(sets * terms());
  spreads_.reserve(sets * terms() * terms());
  for (size_t c = had; c < sets; ++c) {
    for (size_t i = 0; i < terms(); ++i) {
      values_.push_back(i < members_.size() ? 1 / static_cast<double>(members_.size()) : 0.0);
      for (size_t j = 0; j < terms(); ++j) spreads_.push_back(i == j ? Doubt(i) : 0.0);
    }
  }
}

std::string CommitteeBase::SectionName() const {
  return std::string(name_) + (racing() ? "_race" : "");
}

void CommitteeBase::Save(StateWriter& out) const {
  out.Section(SectionName(), 1);
  out.U64(labels_);
  out.Array(loss_);
  out.Array(values_);
  out.Array(spreads_);
  SaveMore(out);
  if (racing()) race_.Save(out);
  for (const auto& member : members_) out.Bool(member != nullptr);
  for (const auto& member : members_) {
    if (member != nullptr) member->Save(out);
  }
}

Status CommitteeBase::LoadFresh(StateReader& in) {
  // Races were once halved by schedule, without a section of their own: a round begins.
  const bool halved = racing() && StateReader(in).Text() == name_;
  in.Section(halved ? std::string(name_) : SectionName(), 1);
  const size_t n = members_.size();
  labels_ = in.U64();
  in.Array(loss_);
  in.Array(values_);
  in.Array(spreads_);
  const size_t sets = values_.size() / terms();
  bool good = LoadMore(in);
  if (racing() && !halved) race_.Load(in);
  good = good && loss_.size() == n && values_.size() == sets * terms() &&
         spreads_.size() == sets * terms() * terms() && sets <= 65'536;
  for (const double loss : loss_) good = good && loss >= 0 && loss <= 1e15;
  for (const double v : values_) good = good && std::fabs(v) <= kFarthest;
  for (const double s : spreads_) good = good && std::fabs(s) <= 1;
  size_t left = 0;
  for (auto& member : members_) {
    if (in.Bool()) {
      ++left;
    } else {
      member.reset();
    }
  }
  if (racing() && race_.has_leader()) good = good && members_[race_.leader()] != nullptr;
  if (in.ok() && !(good && left > 0)) in.Fail("the state of a committee does not fit");
  if (!in.ok()) return in.status();
  for (auto& member : members_) {
    if (member != nullptr) LEAT_RETURN_IF_ERROR(member->Load(in));
  }
  return Status::Ok();
}

size_t CommitteeBase::HeapBytes() const {
  size_t bytes = sizeof(double) * (loss_.capacity() + values_.capacity() + spreads_.capacity());
  bytes += race_.HeapBytes() + HeapBytesOf(inputs_) + 3 * kAllocation;
  bytes += sizeof(std::string) * options_.members.capacity() + sizeof(void*) * members_.capacity();
  for (const std::string& text : options_.members) bytes += text.size() > 15 ? text.size() + 1 : 0;
  for (const auto& member : members_) {
    if (member != nullptr) bytes += member->MemoryBytes() + kAllocation;
  }
  return bytes;
}

std::vector<std::pair<std::string, std::string>> CommitteeBase::Summary() const {
  std::vector<std::pair<std::string, std::string>> facts = {{"labels", std::to_string(labels_)}};
  for (size_t m = 0; m < members_.size(); ++m) {
    facts.emplace_back(options_.members[m],
                       members_[m] == nullptr ? "dropped" : "loss " + std::to_string(Loss(m)));
  }
  return facts;
}

}  // namespace leat::committees
