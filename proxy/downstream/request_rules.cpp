#include "proxy/downstream/request_rules.hpp"

#include <array>
#include <charconv>

#include "proxy/http/text.hpp"

namespace outrigger::downstream {
namespace {

constexpr std::string_view kBlank = " \t";

// The received-by of "1.1 name (comment)".
std::string_view received_by(std::string_view element) {
  const size_t protocol_end = element.find_first_of(kBlank);
  if (protocol_end == std::string_view::npos) return {};
  const std::string_view rest = http::trim(element.substr(protocol_end));
  return rest.substr(0, rest.find_first_of(kBlank));
}

}  // namespace

bool passed_by(const http::Fields& fields, std::string_view pseudonym) {
  bool found = false;
  for (const http::Field& field : fields) {
    if (field.id != http::Name::kVia) continue;
    http::for_each_element(field.value, [&](std::string_view element) {
      found = found || http::same_name(received_by(element), pseudonym);
    });
  }
  return found;
}

void add_via(http::RequestHead& request, std::string_view pseudonym, Arena& arena) {
  const std::string_view version = request.version == http::Version::kHttp10 ? "1.0 " : "1.1 ";
  request.fields.add(arena, http::Name::kVia, arena.concat({version, pseudonym}));
}

bool ends_here(http::RequestHead& request, Arena& arena) {
  if (request.method != http::Method::kOptions) return false;
  const http::Field* const field = request.fields.find(http::Name::kMaxForwards);
  if (field == nullptr) return false;
  const int64_t left = http::parse_decimal(field->value);
  if (left <= 0) return true;
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), left - 1).ptr;
  request.fields.set(arena, http::Name::kMaxForwards,
                     arena.copy({text.data(), static_cast<size_t>(end - text.data())}));
  return false;
}

}  // namespace outrigger::downstream
