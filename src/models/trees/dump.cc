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

/// What a leaf says, for people.
std::string Said(const DumpNode& node) {
  return node.value ? Number(*node.value) : ClassOf(node) + " [" + Counts(node, " ") + "]";
}

std::string Text(const DumpedTree& nodes) {
  std::string out;
  for (const DumpNode& node : nodes) {
    out.append(2 * node.depth, ' ') += node.condition;
    if (node.leaf) out += ": " + Said(node) + (node.active ? "" : " inactive");
    out += '\n';
  }
  return out;
}

/// Nested objects: {"if": condition, "then": [children]} or {"if":, "class":, "weights": []}.
std::string Json(const DumpedTree& nodes) {
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
    if (node.value) {
      out += ",\"value\":" + Number(*node.value);
    } else {
      out += ",\"class\":";
      out += node.counts.empty() ? "null" : std::to_string(FirstMaximum(node.counts));
      out += ",\"weights\":[" + Counts(node, ",") + "]";
    }
    out += std::string(",\"active\":") + (node.active ? "true" : "false") + "}";
  }
  for (; open > 0; --open) out += "]}";
  return out;
}

std::string Graphviz(const DumpedTree& nodes, const std::string& name) {
  std::string out = "digraph " + name + " {\n  node [shape=box];\n";
  std::vector<size_t> path;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const DumpNode& node = nodes[i];
    const std::string label = node.leaf ? Said(node) : std::string("split");
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

std::string Write(const std::vector<DumpedTree>& trees, TreeFormat format) {
  const bool several = trees.size() > 1;
  std::string out;
  for (size_t t = 0; t < trees.size(); ++t) {
    const std::string number = several ? std::to_string(t) : "";
    switch (format) {
      case TreeFormat::kText:
        if (several) out += "tree " + number + "\n";
        out += Text(trees[t]);
        break;
      case TreeFormat::kJson:
        out += (t == 0 ? "" : ",\n") + Json(trees[t]);
        break;
      case TreeFormat::kGraphviz:
        out += Graphviz(trees[t], "tree" + number);
        break;
    }
  }
  if (format != TreeFormat::kJson || trees.empty()) return out;
  return several ? "[" + out + "]\n" : out + "\n";
}

}  // namespace leat::trees
