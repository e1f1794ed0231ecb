/// Reads bytes by the blocks of state/FORMAT.md, and by nothing else.
///
/// The notation is described there, under "How to read the blocks". What is read becomes a tree of
/// values. Every line notes in which ways it has been used, so that a test can ask for what was
/// never shown. Errors: FormatError, with the place in the notation.
#pragma once

#include <bit>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/value.h"

namespace leat::format {

/// A line of a block, and how it has been used.
struct Line {
  enum class Kind { kField, kSection, kCheck };
  enum class Repeat { kOnce, kTimes, kCounted, kRest };
  Kind kind = Kind::kField;
  std::string text;  ///< For messages.
  std::vector<std::string> types;
  std::vector<Expression> arguments;
  std::string name;
  Repeat repeat = Repeat::kOnce;
  Expression times, condition, check;
  std::string constant;
  uint32_t version = 0;

  mutable bool present = false, absent = false, some = false;
  mutable std::set<std::string> taken;
};

struct Block {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<Line> lines;
  mutable uint64_t used = 0;
};

/// A field of a message.
struct MessageField {
  bool repeated = false;
  std::string type, name;

  bool operator==(const MessageField&) const = default;
};
using Messages = std::map<std::string, std::map<uint64_t, MessageField>>;

inline std::vector<std::string> Words(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

/// The bytes that are still to be read.
class Bytes {
 public:
  explicit Bytes(std::string_view rest) : rest_(rest) {}
  std::string_view Take(uint64_t size) {
    if (size > rest_.size()) throw FormatError("the bytes end too soon");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  uint64_t Fixed(size_t size) {
    uint64_t number = 0;
    const std::string_view bytes = Take(size);
    for (size_t i = 0; i < size; ++i) {
      number |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return number;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

class Notation {
 public:
  /// Of the page's blocks.
  static Notation Load(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw FormatError("cannot open " + path);
    Notation notation;
    std::string kind, head;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("```")) {
        head = line.substr(3);
        const std::vector<std::string> words = Words(head);
        kind = !kind.empty() || words.empty() ? "" : words[0];
        if (kind == "state") notation.BeginBlock(head.substr(5));
        continue;
      }
      try {
        if (kind == "state") notation.AddLine(line);
        if (kind == "proto") notation.AddMessageLine(line);
        if (kind == "items") notation.items_.push_back(Words(line));
        if (kind == "parts") notation.parts_.push_back(Words(line));
      } catch (const FormatError& error) {
        throw FormatError(line + ": " + error.what());
      }
    }
    notation.CheckNames();
    return notation;
  }

  /// Of a .proto file: its messages.
  static Messages LoadMessages(const std::string& path) {
    std::ifstream file(path);
    Notation notation;
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("syntax") && !line.starts_with("package")) {
        notation.AddMessageLine(line);
      }
    }
    return notation.messages_;
  }
  const Messages& messages() const { return messages_; }

  /// Family, block of its keys, block or message of its values.
  const std::vector<std::vector<std::string>>& items() const { return items_; }

  /// The block of a part.
  std::string PartBlock(const std::string& part) const {
    for (const std::vector<std::string>& row : parts_) {
      const std::string& pattern = row.at(0);
      const bool prefix = pattern.ends_with('*');
      if (prefix ? part.starts_with(pattern.substr(0, pattern.size() - 1)) : part == pattern) {
        return row.at(1);
      }
    }
    throw FormatError("no block is for the part " + part);
  }
  std::vector<std::string> PartPatterns() const {
    std::vector<std::string> patterns;
    for (const std::vector<std::string>& row : parts_) patterns.push_back(row.at(0));
    return patterns;
  }

  /// All of `bytes` as one block.
  Value Read(const std::string& block, std::string_view bytes,
             const std::map<std::string, long double>& arguments = {}) const {
    const auto found = blocks_.find(block);
    if (found == blocks_.end()) throw FormatError("there is no block " + block);
    for (const std::string& parameter : found->second.parameters) {
      if (!arguments.contains(parameter)) throw FormatError(block + " needs " + parameter);
    }
    Bytes in(bytes);
    Value value = ReadBlock(found->second, in, arguments, nullptr);
    if (!in.rest().empty()) {
      throw FormatError(block + ": " + std::to_string(in.rest().size()) + " bytes follow");
    }
    return value;
  }
  const std::vector<std::string>& Parameters(const std::string& block) const {
    return blocks_.at(block).parameters;
  }

  /// All of `bytes` as a message. Fields that are not there have their default.
  Value ReadMessage(const std::string& name, std::string_view bytes) const {
    const auto& fields = messages_.at(name);
    Value value;
    value.type = name;
    std::map<uint64_t, Value> found;
    for (const auto& [number, field] : fields) {
      Value& empty = found[number];
      if (field.repeated) {
        empty.kind = Value::Kind::kList;
      } else if (messages_.contains(field.type)) {
        empty = ReadMessage(field.type, {});
      } else {
        empty.kind = field.type == "string" || field.type == "bytes" ? Value::Kind::kText
                     : field.type == "sint64"                        ? Value::Kind::kSigned
                                                                     : Value::Kind::kUnsigned;
      }
    }
    Bytes in(bytes);
    while (!in.rest().empty()) {
      const uint64_t tag = Varint(in), number = tag >> 3, wire = tag & 7;
      const auto field = fields.find(number);
      if (field == fields.end()) {
        throw FormatError(name + " has no field " + std::to_string(number));
      }
      const bool sized = IsSized(field->second.type);
      if (field->second.repeated && wire == 2 && !sized) {  // Packed.
        Bytes packed(in.Take(Varint(in)));
        while (!packed.rest().empty()) {
          found[number].items.push_back(ReadScalar(field->second.type, packed));
        }
        continue;
      }
      const uint64_t expected = sized ? 2 : field->second.type == "fixed64" ? 1 : 0;
      if (wire != expected) throw FormatError(field->second.name + " has another wire type");
      Value item = ReadScalar(field->second.type, in);
      if (field->second.repeated) {
        found[number].items.push_back(std::move(item));
      } else {
        found[number] = std::move(item);
      }
    }
    for (const auto& [number, field] : fields) {
      value.fields.push_back({field.name, std::move(found[number])});
    }
    return value;
  }

  /// What the page says and no bytes have shown.
  std::vector<std::string> NeverSeen() const {
    std::vector<std::string> gaps;
    for (const auto& [name, block] : blocks_) {
      if (block.used == 0) {
        gaps.push_back(name);
        continue;
      }
      for (const Line& line : block.lines) {
        const std::string where = name + ": " + line.text;
        if (line.condition && !line.present) gaps.push_back(where + " (never there)");
        if (line.condition && !line.absent && line.kind == Line::Kind::kField) {
          gaps.push_back(where + " (never missing)");
        }
        if (line.repeat != Line::Repeat::kOnce && line.present && !line.some) {
          gaps.push_back(where + " (always empty)");
        }
        for (const std::string& type : line.types) {
          if (line.types.size() > 1 && !line.taken.contains(type)) {
            gaps.push_back(where + " (never " + type + ")");
          }
        }
      }
    }
    return gaps;
  }

 private:
  static bool IsPrimitive(const std::string& type) {
    static const std::set<std::string> kTypes = {
        "u8",   "u16",  "u32",  "u64",  "i32", "i64",  "f32",     "f64",          "bool",
        "char", "text", "time", "span", "key", "hash", "ordered", "ordered_time", "ztext"};
    return kTypes.contains(type);
  }

  void BeginBlock(std::string head) {
    Block block;
    const size_t open = head.find('(');
    block.name = Words(head.substr(0, open)).at(0);
    if (open != std::string::npos) {
      std::string names = head.substr(open + 1, head.find(')') - open - 1);
      for (char& c : names) c = c == ',' ? ' ' : c;
      block.parameters = Words(names);
    }
    if (IsPrimitive(block.name) || blocks_.contains(block.name)) {
      throw FormatError("two blocks are called " + block.name);
    }
    current_ = block.name;
    blocks_[current_] = std::move(block);
  }

  void AddLine(std::string text) {
    text = text.substr(0, text.find('#'));
    while (text.ends_with(' ')) text.pop_back();
    if (text.empty()) return;
    Line line;
    line.text = text;
    if (const size_t at = text.find(" if "); at != std::string::npos) {
      line.condition = ExpressionParser(text.substr(at + 4)).Whole();
      text.resize(at);
    }
    const size_t blank = text.find(' ');
    const std::string first = text.substr(0, blank);
    if (first == "check") {
      line.kind = Line::Kind::kCheck;
      line.check = ExpressionParser(text.substr(blank)).Whole();
    } else if (first == "section") {
      const std::vector<std::string> words = Words(text);
      line.kind = Line::Kind::kSection;
      line.name = words.at(1);
      line.version = static_cast<uint32_t>(std::stoul(words.at(2)));
    } else {
      ParseField(text, line);
    }
    blocks_.at(current_).lines.push_back(std::move(line));
  }

  /// `A | B(x, y) name[n] = c`.
  static void ParseField(std::string text, Line& line) {
    if (const size_t at = text.find(" = "); at != std::string::npos) {
      line.constant = text.substr(at + 3);
      text.resize(at);
    }
    if (text.ends_with(']')) {
      const size_t open = text.find('[');
      const std::string inside = text.substr(open + 1, text.size() - open - 2);
      line.repeat = inside.empty()  ? Line::Repeat::kCounted
                    : inside == "*" ? Line::Repeat::kRest
                                    : Line::Repeat::kTimes;
      if (line.repeat == Line::Repeat::kTimes) line.times = ExpressionParser(inside).Whole();
      text.resize(open);
    }
    const size_t last = text.rfind(' ');
    if (last == std::string::npos) throw FormatError("a type and a name are wanted");
    line.name = text.substr(last + 1);
    std::string types = text.substr(0, last);
    if (const size_t open = types.find('('); open != std::string::npos) {
      std::string list = types.substr(open + 1, types.rfind(')') - open - 1);
      size_t depth = 0, from = 0;
      for (size_t i = 0; i <= list.size(); ++i) {
        if (i < list.size() && list[i] == '(') ++depth;
        if (i < list.size() && list[i] == ')') --depth;
        if (i < list.size() && (list[i] != ',' || depth > 0)) continue;
        line.arguments.push_back(ExpressionParser(list.substr(from, i - from)).Whole());
        from = i + 1;
      }
      types.resize(open);
    }
    for (const std::string& word : Words(types)) {
      if (word != "|") line.types.push_back(word);
    }
  }

  void AddMessageLine(std::string text) {
    text = text.substr(0, text.find("//"));
    for (char& c : text) c = c == ';' || c == '=' || c == '{' ? ' ' : c;
    std::vector<std::string> words = Words(text);
    if (words.empty() || words[0] == "}") return;
    if (words[0] == "message") {
      current_ = words.at(1);
      messages_[current_];
      return;
    }
    MessageField field;
    field.repeated = words[0] == "repeated";
    if (field.repeated || words[0] == "optional") words.erase(words.begin());
    field.type = words.at(0);
    field.name = words.at(1);
    messages_.at(current_)[std::stoull(words.at(2))] = field;
  }

  void CheckNames() const {
    for (const auto& [name, block] : blocks_) {
      for (const Line& line : block.lines) {
        for (const std::string& type : line.types) {
          if (IsPrimitive(type)) continue;
          const auto found = blocks_.find(type);
          if (found == blocks_.end()) throw FormatError(name + ": there is no block " + type);
          if (found->second.parameters.size() != line.arguments.size()) {
            throw FormatError(name + ": " + type + " wants other arguments");
          }
        }
      }
    }
  }

  static uint64_t Varint(Bytes& in) {
    uint64_t number = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const uint64_t byte = in.Fixed(1);
      number |= (byte & 127) << shift;
      if (byte < 128) return number;
    }
    throw FormatError("a number without end");
  }
  bool IsSized(const std::string& type) const {
    return type == "string" || type == "bytes" || messages_.contains(type);
  }
  Value ReadScalar(const std::string& type, Bytes& in) const {
    Value value;
    if (IsSized(type)) {
      const std::string_view bytes = in.Take(Varint(in));
      if (messages_.contains(type)) return ReadMessage(type, bytes);
      value.kind = Value::Kind::kText;
      value.text = bytes;
      return value;
    }
    value.kind = type == "sint64" ? Value::Kind::kSigned : Value::Kind::kUnsigned;
    value.bits = type == "fixed64" ? in.Fixed(8) : Varint(in);
    if (type == "sint64") value.bits = (value.bits >> 1) ^ (0 - (value.bits & 1));
    return value;
  }

  Value ReadPrimitive(const std::string& type, Bytes& in) const {
    static const std::map<std::string, std::pair<size_t, Value::Kind>> kNumbers = {
        {"u8", {1, Value::Kind::kUnsigned}},  {"u16", {2, Value::Kind::kUnsigned}},
        {"u32", {4, Value::Kind::kUnsigned}}, {"u64", {8, Value::Kind::kUnsigned}},
        {"key", {8, Value::Kind::kUnsigned}}, {"hash", {8, Value::Kind::kUnsigned}},
        {"i32", {4, Value::Kind::kSigned}},   {"i64", {8, Value::Kind::kSigned}},
        {"time", {8, Value::Kind::kSigned}},  {"span", {8, Value::Kind::kSigned}},
        {"f64", {8, Value::Kind::kReal}},     {"bool", {1, Value::Kind::kUnsigned}}};
    Value value;
    value.type = type;
    if (type == "text") {
      value.kind = Value::Kind::kText;
      value.text = in.Take(in.Fixed(8));
    } else if (type == "ztext") {
      value.kind = Value::Kind::kText;
      for (char c; (c = in.Take(1)[0]) != '\0';) value.text.push_back(c);
    } else if (type == "char") {
      value.kind = Value::Kind::kText;
      value.text = in.Take(1);
    } else if (type == "f32") {
      value.kind = Value::Kind::kReal;
      const float number = std::bit_cast<float>(static_cast<uint32_t>(in.Fixed(4)));
      value.bits = std::bit_cast<uint64_t>(static_cast<double>(number));
    } else if (type.starts_with("ordered")) {
      for (const char c : in.Take(8)) value.bits = value.bits << 8 | static_cast<unsigned char>(c);
      value.kind = Value::Kind::kUnsigned;
      if (type == "ordered_time") {
        value.kind = Value::Kind::kSigned;
        value.bits ^= uint64_t{1} << 63;
      }
    } else {
      const auto& [size, kind] = kNumbers.at(type);
      value.kind = kind;
      value.bits = in.Fixed(size);
      if (type == "i32") {
        value.bits = static_cast<uint64_t>(
            static_cast<int64_t>(static_cast<int32_t>(static_cast<uint32_t>(value.bits))));
      }
      if (type == "bool" && value.bits > 1) throw FormatError("neither true nor false");
    }
    return value;
  }

  Value ReadOne(const Line& line, Bytes& in, const Scope& scope) const {
    std::string type = line.types.front();
    if (line.types.size() > 1) {
      Bytes ahead = in;
      const std::string section(ahead.Take(ahead.Fixed(8)));
      const uint64_t version = ahead.Fixed(4);
      type.clear();
      for (const std::string& candidate : line.types) {
        const Line& first = blocks_.at(candidate).lines.front();
        if (first.kind != Line::Kind::kSection || first.name != section) continue;
        // Of several versions of a section it is the one that is there.
        if (type.empty() || first.version == version) type = candidate;
      }
      if (type.empty()) throw FormatError("the section " + section + " is none of these");
      line.taken.insert(type);
    }
    if (IsPrimitive(type)) return ReadPrimitive(type, in);
    const Block& block = blocks_.at(type);
    std::map<std::string, long double> arguments;
    for (size_t i = 0; i < line.arguments.size(); ++i) {
      arguments[block.parameters[i]] = line.arguments[i](scope);
    }
    return ReadBlock(block, in, arguments, &scope);
  }

  Value ReadField(const Line& line, Bytes& in, const Scope& scope) const {
    if (line.repeat == Line::Repeat::kOnce) return ReadOne(line, in, scope);
    uint64_t times = UINT64_MAX;
    if (line.repeat == Line::Repeat::kCounted) times = in.Fixed(8);
    if (line.repeat == Line::Repeat::kTimes) {
      const long double number = line.times(scope);
      if (number < 0 || number > 1e12L) throw FormatError("an impossible number");
      times = static_cast<uint64_t>(number);
    }
    Value value;
    value.type = line.types.front();
    if (value.type == "char" && line.repeat != Line::Repeat::kRest) {
      value.kind = Value::Kind::kText;
      value.text = in.Take(times);
      line.some = line.some || times > 0;
      return value;
    }
    value.kind = Value::Kind::kList;
    for (uint64_t i = 0; i < times; ++i) {
      if (line.repeat == Line::Repeat::kRest && in.rest().empty()) break;
      value.items.push_back(ReadOne(line, in, scope));
      line.some = true;
    }
    return value;
  }

  Value ReadBlock(const Block& block, Bytes& in,
                  const std::map<std::string, long double>& arguments, const Scope* outer) const {
    ++block.used;
    Value value;
    value.type = block.name;
    const Scope scope{&value, &arguments, outer};
    for (const Line& line : block.lines) {
      try {
        if (line.condition && line.condition(scope) == 0) {
          line.absent = true;
          continue;
        }
        line.present = true;
        if (line.kind == Line::Kind::kCheck) {
          if (line.check(scope) == 0) throw FormatError("does not hold");
          continue;
        }
        if (line.kind == Line::Kind::kSection) {
          const std::string name(in.Take(in.Fixed(8)));
          if (name != line.name) throw FormatError("found the section " + name);
          if (in.Fixed(4) != line.version) throw FormatError("another version");
          continue;
        }
        Value field = ReadField(line, in, scope);
        if (!line.constant.empty()) CheckConstant(line.constant, field);
        value.fields.push_back({line.name, std::move(field)});
      } catch (const FormatError& error) {
        throw FormatError(block.name + ": " + line.text + ": " + error.what());
      }
    }
    return value;
  }

  static void CheckConstant(const std::string& constant, const Value& value) {
    const bool same = constant.starts_with('"')
                          ? value.text == constant.substr(1, constant.size() - 2)
                          : value.Number() == static_cast<long double>(std::stoull(constant));
    if (!same) throw FormatError("it is something else");
  }

  std::map<std::string, Block> blocks_;
  Messages messages_;
  std::vector<std::vector<std::string>> items_, parts_;
  std::string current_;  ///< Block or message that lines are added to.
};

}  // namespace leat::format
