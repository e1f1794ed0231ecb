#include "runtime/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/hash.h"
#include "leat/state.h"
#include "state/proto/model_file.pb.h"

namespace leat {
namespace {

constexpr std::string_view kMagic = "LEATMODL";
constexpr uint32_t kVersion = 1;

state::ModelFile ToMessage(const ModelFile& file) {
  const ModelState& model = file.model;
  state::ModelFile out;
  out.set_program(file.program);
  out.set_pipeline(file.pipeline);
  out.set_state_id(file.state_id);
  out.set_exported_at(file.exported_at);
  out.set_name(model.name);
  out.set_type(model.type);
  out.set_task(model.task);
  out.set_parameters(model.parameters);
  for (const std::string& input : model.inputs) out.add_inputs(input);
  for (const ModelState::Feature& feature : model.features) {
    state::ModelFile::Feature& message = *out.add_features();
    message.set_name(feature.name);
    message.set_nominal(feature.nominal);
  }
  out.set_sparse_size(model.sparse_size);
  for (const ModelState::Categories& categories : model.categories) {
    state::ModelFile::Categories& message = *out.add_categories();
    message.set_input(categories.input);
    for (const std::string& value : categories.values) message.add_values(value);
  }
  for (const std::string& name : model.classes) out.add_classes(name);
  out.set_labels(model.labels);
  out.set_model(model.model);
  out.set_input_state(model.input_state);
  if (model.background) {
    out.mutable_background()->set_labels(model.background->labels);
    out.mutable_background()->set_model(model.background->model);
  }
  return out;
}

ModelFile FromMessage(const state::ModelFile& message) {
  ModelFile file;
  ModelState& model = file.model;
  file.program = message.program();
  file.pipeline = message.pipeline();
  file.state_id = message.state_id();
  file.exported_at = message.exported_at();
  model.name = message.name();
  model.type = message.type();
  model.task = message.task();
  model.parameters = message.parameters();
  model.inputs.assign(message.inputs().begin(), message.inputs().end());
  for (const state::ModelFile::Feature& feature : message.features()) {
    model.features.push_back({feature.name(), feature.nominal()});
  }
  model.sparse_size = message.sparse_size();
  for (const state::ModelFile::Categories& c : message.categories()) {
    model.categories.push_back({c.input(), {c.values().begin(), c.values().end()}});
  }
  model.classes.assign(message.classes().begin(), message.classes().end());
  model.labels = message.labels();
  model.model = message.model();
  model.input_state = message.input_state();
  if (message.has_background()) {
    model.background = {message.background().labels(), message.background().model()};
  }
  return file;
}

}  // namespace

Status WriteModelFile(FileSystem& files, const std::string& path, const ModelFile& file) {
  const std::string message = ToMessage(file).SerializeAsString();
  StateWriter out;
  out.Items(std::span<const char>(kMagic));
  out.U32(kVersion);
  out.U64(Hash64(message));
  LEAT_RETURN_IF_ERROR(files.MakeFolders(FolderOf(path)));
  return files.Replace(path, {out.bytes(), message});
}

Result<ModelFile> ReadModelFile(FileSystem& files, const std::string& path) {
  const Result<std::string> bytes = files.Read(path);
  if (!bytes.ok()) return bytes.status();
  const std::string_view all = *bytes;
  if (!all.starts_with(kMagic)) {
    return Status::Corrupt(path + ": not a model that `leat model export` wrote");
  }
  StateReader head(all.substr(kMagic.size()));
  const uint32_t version = head.U32();
  const uint64_t hash = head.U64();
  if (head.ok() && version != kVersion) {
    return Status::Corrupt(
        fmt::format("{}: has version {}, this build reads version {}", path, version, kVersion));
  }
  state::ModelFile message;
  const std::string_view rest =
      all.substr(std::min(all.size(), kMagic.size() + sizeof(version) + sizeof(hash)));
  if (!head.ok() || Hash64(rest) != hash ||
      !message.ParseFromArray(rest.data(), static_cast<int>(rest.size()))) {
    return Status::Corrupt(path + ": the file is damaged; export the model again");
  }
  return FromMessage(message);
}

}  // namespace leat
