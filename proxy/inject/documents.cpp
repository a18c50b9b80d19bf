#include "proxy/inject/documents.hpp"

#include <algorithm>

namespace outrigger::inject {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool is_marker(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || line.find_first_of(" \t\r\n", 3) == 3);
}

std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end == text.npos ? end : end + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string_view without_margin(std::string_view line) {
  const size_t begin = line.find_first_not_of(kBlank);
  return begin == line.npos ? std::string_view{} : line.substr(begin);
}

bool is_content(std::string_view line) {
  const std::string_view text = without_margin(line);
  return !text.empty() && text[0] != '\n' && text[0] != '#' && text[0] != '%';
}

bool begins_with_kind(std::string_view text, std::span<const std::string_view> kinds) {
  const auto skip = [&](std::string_view what) {
    const size_t at = text.find_first_not_of(what);
    text.remove_prefix(at == text.npos ? text.size() : at);
  };
  skip("\"' \t\r\n");
  if (!text.starts_with(':')) return false;
  text.remove_prefix(1);
  skip(" \t\r\n");
  if (text.starts_with('!') || text.starts_with('&') || text.starts_with('*')) return true;
  skip("\"'>|-");
  skip(" \t\r\n");
  return std::any_of(kinds.begin(), kinds.end(),
                     [&](std::string_view kind) { return text.starts_with(kind); });
}

}  // namespace

std::vector<std::string_view> split_documents(std::string_view text) {
  std::vector<std::string_view> documents;
  size_t begin = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t at = text.size() - rest.size();
    if (is_marker(take_line(rest)) && at > begin) {
      documents.push_back(text.substr(begin, at - begin));
      begin = at;
    }
  }
  if (begin < text.size()) documents.push_back(text.substr(begin));
  return documents;
}

bool may_be(std::string_view document, std::span<const std::string_view> kinds) {
  // A block style document says its kind at its own margin; what is deeper is of others.
  std::string_view rest = document;
  std::string_view first;
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (is_marker(line)) line.remove_prefix(3);
    if (!is_content(line)) continue;
    first = line;
    break;
  }
  const size_t margin = std::min(first.find_first_not_of(kBlank), first.size());
  const bool anywhere = margin < first.size() && (first[margin] == '{' || first[margin] == '&' ||
                                                  first[margin] == '!' || first[margin] == '?');
  for (size_t at = document.find("kind"); at != document.npos; at = document.find("kind", at + 4)) {
    const size_t line = document.rfind('\n', at) + 1;  // npos + 1 is 0
    size_t column = at - line;
    const bool is_quoted = column > 0 && (document[at - 1] == '"' || document[at - 1] == '\'');
    column -= is_quoted ? 1 : 0;
    if ((anywhere || column == margin) && begins_with_kind(document.substr(at + 4), kinds))
      return true;
  }
  return false;
}

}  // namespace outrigger::inject
