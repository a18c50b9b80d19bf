#include "proxy/http/cookie.hpp"

#include <algorithm>

#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

std::optional<std::string_view> cookie_in(std::string_view line, std::string_view name) {
  while (!line.empty()) {
    const size_t end = std::min(line.find(';'), line.size());
    const std::string_view pair = trim(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return pair.substr(equals + 1);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> cookie(const Fields& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (field.id != Name::kCookie) continue;
    if (const auto found = cookie_in(field.value, name)) return found;
  }
  return std::nullopt;
}

}  // namespace outrigger::http
