// A tree of values as YAML, for people and for reading back.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "config/node.hpp"
#include "config/text.hpp"

namespace outrigger::config {
namespace {

bool is_plain_word(std::string_view text) {
  const auto harmless = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_./%+-").find(c) != std::string_view::npos;
  };
  if (text.empty() || !std::all_of(text.begin(), text.end(), harmless)) return false;
  return text[0] != '-' && text[0] != '%' && text != "null" && text != "Null" && text != "NULL";
}

bool looks_typed(std::string_view text) {
  return text == "true" || text == "false" || parse_number(text).has_value();
}

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[c >> 4];
  out += kDigits[c & 15];
}

// Double quotes as JSON has them; YAML 1.2 reads the same.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      append_escape(out, static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// A value that would expand is written so that it does not.
std::string without_expansion(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && text.substr(i).starts_with("${")) out += '$';
    out += text[i];
  }
  return out;
}

// Text that some YAML reader would take for a number, boolean or date.
bool is_ambiguous(std::string_view text) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"y", "n", "yes", "no", "on", "off", "true", "false", "null"});
  const bool starts_plain =
      !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0 || text[0] == '/');
  return !starts_plain || std::find(kWords.begin(), kWords.end(), to_lower(text)) != kWords.end();
}

std::string yaml_scalar(const Node& node) {
  if (node.quoted && is_ambiguous(node.text)) return quote(without_expansion(node.text));
  return is_plain_word(node.text) ? node.text : quote(without_expansion(node.text));
}

std::string yaml_key(std::string_view key) {
  const bool plain = is_plain_word(key) && !looks_typed(key);
  return plain ? std::string(key) : quote(key);
}

bool is_flat(const Node& node) {
  if (node.is_list()) {
    return std::all_of(node.items.begin(), node.items.end(), is_flat);
  }
  return !node.is_map() || node.entries.empty();
}

void append_block(std::string& out, const Node& node, size_t indent);

// What follows `key:` or `-`: on the same line when it is short, else an indented block.
void append_value(std::string& out, const Node& node, size_t indent) {
  if (is_flat(node)) {
    out += ' ' + to_flow(node) + '\n';
  } else {
    out += '\n';
    append_block(out, node, indent + 2);
  }
}

void append_block(std::string& out, const Node& node, size_t indent) {
  const std::string margin(indent, ' ');
  if (node.is_map()) {
    for (const Entry& entry : node.entries) {
      out += margin + yaml_key(entry.key) + ':';
      append_value(out, entry.value, indent);
    }
    return;
  }
  for (const Node& item : node.items) {
    if (item.is_map() && !item.entries.empty()) {
      std::string block;
      append_block(block, item, indent + 2);
      block[indent] = '-';
      out += block;
    } else {
      out += margin + '-';
      append_value(out, item, indent);
    }
  }
}

}  // namespace

std::string to_flow(const Node& node) {
  std::string out;
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kScalar:
      return yaml_scalar(node);
    case Node::Kind::kList:
      for (const Node& item : node.items) out += (out.empty() ? "" : ", ") + to_flow(item);
      return "[" + out + "]";
    case Node::Kind::kMap:
      for (const Entry& entry : node.entries) {
        out += (out.empty() ? "" : ", ") + yaml_key(entry.key) + ": " + to_flow(entry.value);
      }
      return "{" + out + "}";
  }
  return out;
}

std::string to_yaml(const Node& node) {
  std::string out;
  if (is_flat(node)) return to_flow(node) + '\n';
  append_block(out, node, 0);
  return out;
}

}  // namespace outrigger::config
