#include "proxy/upstream/match.hpp"

#include <algorithm>
#include <bit>
#include <charconv>

namespace outrigger::upstream {
namespace {

// Both lists of tokens are in the order of the contract.
config::FailureToken as_configured(Token token) {
  return static_cast<config::FailureToken>(std::countr_zero(static_cast<unsigned>(token)));
}

int grpc_status(const http::Fields& fields) {
  const std::string_view text = fields.value(http::Name::kGrpcStatus);
  int code = -1;
  if (text.empty()) return code;
  std::from_chars(text.data(), text.data() + text.size(), code);
  return code;
}

}  // namespace

bool matches(const config::Matcher& matcher, const Error& error) {
  const Token token = row_of(error.cause).token;
  if (token == Token::kNone) return false;
  const bool by_status = error.received_status > 0 && matcher.has_status(error.received_status);
  return by_status || matcher.has(as_configured(token));
}

bool matches(const config::Matcher& matcher, const http::ResponseHead& head) {
  if (matcher.has_status(head.status) || matcher.has_grpc(grpc_status(head.fields))) return true;
  return std::any_of(matcher.headers.begin(), matcher.headers.end(), [&](const auto& wanted) {
    const http::Field* field = head.fields.find(std::string_view(wanted.name));
    return field != nullptr && field->value == wanted.value;
  });
}

}  // namespace outrigger::upstream
