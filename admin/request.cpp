#include "admin/request.hpp"

#include <optional>

#include "config/text.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::admin {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = http::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Nothing for a bad escape, and for control characters: they would reach logs and terminals.
std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    out += c;
  }
  return out;
}

// Calls visit(piece) for each piece between separators; stops when it returns false.
template <class F>
bool split(std::string_view text, char separator, F visit) {
  for (;;) {
    const size_t end = text.find(separator);
    if (!visit(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<Request> parse_request(const http::RequestHead& head) {
  Request request;
  request.method = head.method;
  request.fields = &head.fields;
  std::string_view path = head.path();
  if (!path.starts_with('/')) return failure("the target is not a path");
  const bool decoded = split(path.substr(1), '/', [&](auto segment) {
    auto text = decode(segment, false);
    if (text) request.segments.push_back(std::move(*text));
    return text.has_value();
  });
  if (!decoded) return failure("the path has a bad escape");
  if (request.segments.size() == 1 && request.segments[0].empty()) request.segments.clear();
  if (path.size() == head.target.size()) return request;
  std::string problem;
  split(head.target.substr(path.size() + 1), '&', [&](std::string_view pair) {
    if (pair.empty()) return true;
    const size_t equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!name || !value) {
      problem = "the query has a bad escape or a control character";
    } else if (!request.query.emplace(*name, std::move(*value)).second) {
      problem = "the parameter \"" + *name + "\" is given twice";
    }
    return problem.empty();
  });
  if (!problem.empty()) return failure(problem);
  return request;
}

std::string media_type_of(std::string_view content_type) {
  return config::to_lower(http::trim(content_type.substr(0, content_type.find(';'))));
}

bool accepts(std::string_view accept, std::string_view media_type) {
  bool found = false;
  http::for_each_element(accept, [&](std::string_view element) {
    if (media_type_of(element) != media_type) return;
    const std::string parameters = config::to_lower(element);
    const size_t quality = parameters.find("q=0");
    // "q=0", "q=0.", "q=0.000": not acceptable.
    const bool refused = quality != std::string::npos &&
                         parameters.find_first_not_of("0.", quality + 2) == std::string::npos;
    found = found || !refused;
  });
  return found;
}

}  // namespace outrigger::admin
