#include "admin/access.hpp"

#include "proxy/base/address.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::admin {
namespace {

// A file of a secret usually ends in a newline that is not part of it.
std::string secret_of(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

// The time depends on the length of what was presented only.
bool equal_in_constant_time(std::string_view presented, std::string_view secret) {
  size_t different = presented.size() ^ secret.size();
  for (size_t i = 0; i < presented.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    different |= static_cast<unsigned char>(presented[i] ^ other);
  }
  return different == 0 && !secret.empty();
}

Answer unauthorized(std::string_view detail, std::string_view error) {
  Answer answer = problem(401, detail);
  std::string challenge = "Bearer realm=\"outrigger\"";
  if (!error.empty()) challenge.append(", error=\"").append(error).append("\"");
  answer.fields.emplace_back("WWW-Authenticate", std::move(challenge));
  return answer;
}

// The credentials of RFC 6750 section 2.1, or nothing.
std::optional<std::string_view> bearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() ||
      !http::same_name(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  return http::trim(authorization.substr(kScheme.size()));
}

}  // namespace

Tokens::Tokens(std::vector<config::AdminToken> tokens, const TokenFiles& files)
    : x_tokens(std::move(tokens)) {
  for (const config::AdminToken& token : x_tokens) {
    const config::FileBytes bytes = files ? files(token.file) : nullptr;
    x_secrets.push_back(bytes == nullptr ? "" : secret_of(*bytes));
  }
}

std::optional<Actor> Tokens::find(std::string_view secret) const {
  std::optional<Actor> found;
  for (size_t i = 0; i < x_tokens.size(); ++i) {
    if (equal_in_constant_time(secret, x_secrets[i]) && !found) {
      found = Actor{x_tokens[i].name, x_tokens[i].role};
    }
  }
  return found;
}

AccessRules::AccessRules(const config::AdminConfig& admin, const TokenFiles& files)
    : x_tokens(admin.tokens, files) {
  const auto address = Address::parse(admin.address);
  if (!address || !address->is_ip()) return;
  x_address = address->ip_string();
  x_any_ip = address->is_any();
}

bool AccessRules::is_known_host(std::string_view text) const {
  const auto authority = http::split_authority(text);
  if (!authority) return false;
  if (http::same_host(authority->host, "localhost")) return true;
  const auto ip = Address::from_ip(authority->host, 0);
  if (!ip) return false;
  // A page cannot make a browser send an IP address that is not its own origin, so where we listen
  // everywhere any of them is ours.
  return ip->is_loopback() || x_any_ip || ip->ip_string() == x_address;
}

std::optional<Answer> AccessRules::refuse_host(const http::RequestHead& head) const {
  if (!is_known_host(head.authority)) {
    return problem(421,
                   "the admin API answers to localhost, loopback addresses and its own address; "
                   "this Host is none of them");
  }
  // What a page of another origin sends: a browser tells, and forms need no permission.
  const http::Field* site = head.fields.find("sec-fetch-site");
  if (site != nullptr && site->value != "same-origin" && site->value != "none") {
    return problem(403, "requests that pages of another origin make are refused");
  }
  const http::Field* origin = head.fields.find("origin");
  if (origin == nullptr) return std::nullopt;
  const size_t scheme_end = origin->value.find("://");
  const bool ours = scheme_end != std::string_view::npos &&
                    http::same_name(origin->value.substr(scheme_end + 3), head.authority);
  if (ours) return std::nullopt;
  return problem(403, "requests that pages of another origin make are refused");
}

std::optional<Answer> AccessRules::refuse_caller(Request& request, Access access) const {
  request.actor = Actor{"local", config::Role::kOperator};
  if (access == Access::kOpen || x_tokens.empty()) return std::nullopt;
  const auto secret = bearer(request.field(http::Name::kAuthorization));
  if (!secret) return unauthorized("a bearer token is needed", "");
  std::optional<Actor> actor = x_tokens.find(*secret);
  if (!actor) return unauthorized("the token is not known", "invalid_token");
  request.actor = std::move(*actor);
  if (access == Access::kWrite && request.actor.role != config::Role::kOperator) {
    return problem(403, "a viewer may not change anything; the role operator is needed");
  }
  return std::nullopt;
}

}  // namespace outrigger::admin
