// Who may ask: known hosts (against DNS rebinding), no foreign origins (there is no CORS), and
// bearer tokens with roles. Owned by the application; control thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/answer.hpp"
#include "admin/request.hpp"
#include "config/model.hpp"

namespace outrigger::admin {

// The bytes of a token's file; null: there are none.
using TokenFiles = std::function<config::FileBytes(const std::string& path)>;

class Tokens {
 public:
  Tokens(std::vector<config::AdminToken> tokens, const TokenFiles& files);

  bool empty() const { return x_tokens.empty(); }
  // The holder of the token. Takes as long for a wrong one as for a right one; a file that is empty
  // or not there matches nothing.
  std::optional<Actor> find(std::string_view secret) const;

 private:
  const std::vector<config::AdminToken> x_tokens;
  std::vector<std::string> x_secrets;  // by token; empty: none
};

// What an operation asks of its caller.
enum class Access : uint8_t { kOpen, kRead, kWrite };

class AccessRules {
 public:
  explicit AccessRules(const config::AdminConfig& admin, const TokenFiles& files = {});

  // Whether the request is meant for us: a loopback name or the admin address in Host, and no
  // Origin but our own. Nothing: it is.
  std::optional<Answer> refuse_host(const http::RequestHead& head) const;
  // Sets the actor, or refuses with 401 or 403.
  std::optional<Answer> refuse_caller(Request& request, Access access) const;

 private:
  bool is_known_host(std::string_view authority) const;

  Tokens x_tokens;
  std::string x_address;  // the admin address's IP; empty: a unix socket
  bool x_any_ip = false;  // listens on every address
};

}  // namespace outrigger::admin
