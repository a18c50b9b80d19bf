#include "proxy/upstream/match.hpp"

#include <algorithm>

namespace outrigger::upstream {
namespace {

bool is_servers_failure(int http_status) {
  return http_status / 100 != 4 && http_status != 501 && http_status != 505;
}

}  // namespace

bool matches(const config::Matcher& matcher, const Error& error) {
  const Token token = row_of(error.cause).token;
  if (token == Token::kNone) return false;
  const bool by_status = error.received_status > 0 && matcher.has_status(error.received_status);
  return by_status || matcher.has_grpc(error.received_grpc_status) || matcher.has(token);
}

bool matches(const config::Matcher& matcher, const http::ResponseHead& head, int grpc_status) {
  if (matcher.has_status(head.status)) return true;
  if (matcher.has_grpc(grpc_status) && is_servers_failure(head.status)) return true;
  return std::any_of(matcher.headers.begin(), matcher.headers.end(), [&](const auto& wanted) {
    const http::Field* field = head.fields.find(std::string_view(wanted.name));
    return field != nullptr && field->value == wanted.value;
  });
}

bool matches(const config::Matcher& matcher, const chain::Leg& answered) {
  if (const Error* error = answered.error()) return matches(matcher, *error);
  return !answered.is_local_reply() &&
         matches(matcher, *answered.response(), answered.grpc_status());
}

bool covers(const config::Methods& methods, const std::vector<std::string>& grpc,
            const http::RequestHead& request) {
  if (methods.has(request.method_text)) return true;
  return !grpc.empty() && http::is_grpc(request) && config::has_grpc_method(grpc, request.path());
}

}  // namespace outrigger::upstream
