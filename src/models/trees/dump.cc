#include "models/trees/dump.h"

#include <cstdio>

#include "models/trees/observers.h"

namespace leat::trees {
namespace {

std::string Number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

/// What both JSON and Graphviz understand between quotes.
std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Counts(const DumpNode& node, const char* between) {
  std::string out;
  for (size_t c = 0; c < node.counts.size(); ++c)
    out += (c == 0 ? "" : between) + Number(node.counts[c]);
  return out;
}

std::string ClassOf(const DumpNode& node) {
  return node.counts.empty() ? "no class" : "class " + std::to_string(FirstMaximum(node.counts));
}

std::string Text(const std::vector<DumpNode>& nodes) {
  std::string out;
  for (const DumpNode& node : nodes) {
    out.append(2 * node.depth, ' ') += node.condition;
    if (node.leaf) {
      out += ": " + ClassOf(node) + " [" + Counts(node, " ") + (node.active ? "]" : "] inactive");
    }
    out += '\n';
  }
  return out;
}

/// Nested objects: {"if": condition, "then": [children]} or {"if":, "class":, "weights": []}.
std::string Json(const std::vector<DumpNode>& nodes) {
  std::string out;
  size_t open = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const DumpNode& node = nodes[i];
    for (; open > node.depth; --open) out += "]}";
    if (i > 0 && nodes[i - 1].depth >= node.depth) out += ",";
    out += "{\"if\":" + Quoted(node.condition);
    if (!node.leaf) {
      out += ",\"then\":[";
      ++open;
      continue;
    }
    out += ",\"class\":";
    out += node.counts.empty() ? "null" : std::to_string(FirstMaximum(node.counts));
    out += ",\"weights\":[" + Counts(node, ",") +
           "],\"active\":" + (node.active ? "true" : "false") + "}";
  }
  for (; open > 0; --open) out += "]}";
  return out + "\n";
}

std::string Graphviz(const std::vector<DumpNode>& nodes) {
  std::string out = "digraph tree {\n  node [shape=box];\n";
  std::vector<size_t> path;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const DumpNode& node = nodes[i];
    const std::string label =
        node.leaf ? ClassOf(node) + " [" + Counts(node, " ") + "]" : std::string("split");
    out += "  n" + std::to_string(i) + " [label=" + Quoted(label);
    out += node.leaf ? "];\n" : ", shape=point];\n";
    path.resize(node.depth);
    if (!path.empty()) {
      out += "  n" + std::to_string(path.back()) + " -> n" + std::to_string(i) +
             " [label=" + Quoted(node.condition) + "];\n";
    }
    path.push_back(i);
  }
  return out + "}\n";
}

}  // namespace

std::string Condition(const InputSpec& spec, size_t attribute, bool numeric, bool multiway,
                      double value, size_t side) {
  const std::string& name = spec.dense[attribute].name;
  const std::string label = name.empty() ? "#" + std::to_string(attribute) : name;
  if (multiway) return label + " = " + std::to_string(side);
  if (numeric) return label + (side == 0 ? " <= " : " > ") + Number(value);
  return label + (side == 0 ? " = " : " != ") + Number(value);
}

std::string Write(const std::vector<DumpNode>& nodes, TreeFormat format) {
  switch (format) {
    case TreeFormat::kText:
      return Text(nodes);
    case TreeFormat::kJson:
      return Json(nodes);
    case TreeFormat::kGraphviz:
      return Graphviz(nodes);
  }
  return {};
}

}  // namespace leat::trees
