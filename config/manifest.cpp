#include "config/manifest.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "config/text.hpp"

namespace outrigger::config {
namespace {

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Whether plain text is something else than text to some YAML reader: a number, a boolean, a date.
bool is_typed(std::string_view text) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "<<", "="});
  if (text.empty()) return true;
  const std::string word = to_lower(text);
  if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) return true;
  const std::string_view behind_sign = text.substr(text[0] == '-' || text[0] == '+' ? 1 : 0);
  return behind_sign.empty() || is_digit(behind_sign[0]) || behind_sign[0] == '.';
}

// `10m` `128Mi`: what manifests are full of, and no reader's number.
bool is_quantity(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  return digits > 0 && (unit == "m" || unit == "Ki" || unit == "Mi" || unit == "Gi");
}

bool is_word(std::string_view text) {
  if (text.empty() || (text[0] == '-' && (text.size() < 2 || !is_letter(text[1])))) return false;
  const auto harmless = [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '/' || c == '-';
  };
  return std::all_of(text.begin(), text.end(), harmless);
}

// Text that needs no quotes anywhere, not even within [ ] and { }.
bool is_plain(std::string_view text) {
  return is_quantity(text) || (is_word(text) && !is_typed(text));
}

// `registry:5000/outrigger:1.2`: plain in block style, as people write it.
bool is_image(std::string_view text) {
  std::string without(text);
  std::replace(without.begin(), without.end(), ':', '_');
  std::replace(without.begin(), without.end(), '@', '_');
  return !text.empty() && is_letter(text[0]) && !text.ends_with(':') && is_plain(without);
}

// Double quotes as JSON has them.
std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      ((out += "\\x") += kHex[byte >> 4]) += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

// A scalar of somebody's that was not quoted stays so: only its readers know what it is to them.
std::string scalar(const Node& node) {
  const bool one_line = node.text.find('\n') == std::string::npos && !node.text.empty();
  if (!node.quoted && one_line) return node.text;
  return is_plain(node.text) || is_image(node.text) ? node.text : quoted(node.text);
}

std::string key_text(const std::string& key) { return is_plain(key) ? key : quoted(key); }

// Lines of a script or a file, as they are.
bool is_literal(const Node& node) {
  const std::string& text = node.text;
  const auto is_odd = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  };
  return node.is_scalar() && text.ends_with('\n') && text[0] != ' ' && text[0] != '\t' &&
         text[0] != '\n' && text[text.find_last_not_of('\n') + 1] == '\n' &&
         text.find_last_not_of('\n') + 2 == text.size() &&
         std::none_of(text.begin(), text.end(), is_odd);
}

std::string literal(std::string_view text, size_t indent) {
  std::string out = "|\n";
  while (!text.empty()) {
    const size_t end = text.find('\n') + 1;
    if (end > 1) out.append(indent, ' ');
    out += text.substr(0, end);
    text.remove_prefix(end);
  }
  return out;
}

// `[run, -c, FILE]`
bool is_short_list(const Node& node) {
  constexpr size_t kMaxShort = 80;
  size_t length = 0;
  for (const Node& item : node.items) {
    if (!item.is_scalar() || !is_plain(item.text)) return false;
    length += item.text.size() + 2;
  }
  return node.is_list() && length <= kMaxShort;
}

std::string flow(const Node& list) {
  std::string out;
  for (const Node& item : list.items) (out += out.empty() ? "" : ", ") += item.text;
  return "[" + out + "]";
}

void append_block(std::string& out, const Node& node, size_t indent);

// What follows `key:` or `-`.
void append_value(std::string& out, const Node& node, size_t indent) {
  const bool empty = node.items.empty() && node.entries.empty();
  if (node.is_null()) {
    out += " null\n";
  } else if (is_literal(node)) {
    (out += ' ') += literal(node.text, indent + 2);
  } else if (node.is_scalar()) {
    ((out += ' ') += scalar(node)) += '\n';
  } else if (empty) {
    out += node.is_list() ? " []\n" : " {}\n";
  } else if (is_short_list(node)) {
    ((out += ' ') += flow(node)) += '\n';
  } else {
    out += '\n';
    append_block(out, node, indent + (node.is_map() ? 2 : 0));
  }
}

void append_block(std::string& out, const Node& node, size_t indent) {
  const std::string margin(indent, ' ');
  for (const Entry& entry : node.entries) {
    ((out += margin) += key_text(entry.key)) += ':';
    append_value(out, entry.value, indent);
  }
  for (const Node& item : node.items) {
    const bool opens_block = !item.items.empty() && !is_short_list(item);
    if (!item.entries.empty() || opens_block) {
      std::string block;
      append_block(block, item, indent + 2);
      block[indent] = '-';
      out += block;
    } else {
      (out += margin) += '-';
      append_value(out, item, indent);
    }
  }
}

bool same_text(const Node& a, const Node& b) {
  return a.text == b.text && (a.quoted == b.quoted || !is_typed(a.text) || is_quantity(a.text));
}

bool same_items(const std::vector<Node>& a, const std::vector<Node>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_values);
}

bool same_entries(const Node& a, const Node& b) {
  return a.entries.size() == b.entries.size() &&
         std::all_of(a.entries.begin(), a.entries.end(), [&](const Entry& entry) {
           const Node* other = b.find(entry.key);
           return other != nullptr && same_values(entry.value, *other);
         });
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > kMaxManifestBytes) return failure(std::string("larger than 4MiB"));
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos && text[begin] == '{') {
    if (auto json = parse_manifest_json(text)) return Manifest{std::move(*json), true};
  }
  auto yaml = parse_manifest_yaml(text);
  if (!yaml) return failure(yaml.error());
  return Manifest{std::move(*yaml), false};
}

std::string manifest_yaml(const Node& node, size_t indent) {
  std::string out;
  append_block(out, node, indent);
  return out;
}

bool same_values(const Node& a, const Node& b) {
  if (a.kind != b.kind) return false;
  return a.is_scalar() ? same_text(a, b) : same_items(a.items, b.items) && same_entries(a, b);
}

}  // namespace outrigger::config
