// Who may ask: known hosts (against DNS rebinding), no foreign origins (there is no CORS), and
// bearer tokens with roles. Tokens are files, read again when a second has passed, so that a
// rotated secret needs no reload. Owned by the application; control thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/answer.hpp"
#include "admin/request.hpp"
#include "config/model.hpp"
#include "proxy/base/clock.hpp"

namespace outrigger::admin {

class Tokens {
 public:
  static constexpr size_t kFileBytesMax = 4096;

  Tokens(const Clock& clock, std::vector<config::AdminToken> tokens)
      : x_clock(clock), x_tokens(std::move(tokens)) {}

  bool empty() const { return x_tokens.empty(); }
  // Whose token it is. Takes as long for a wrong one as for a right one; a file that is empty or
  // cannot be read matches nothing.
  std::optional<Actor> find(std::string_view secret);

 private:
  void read_files();

  const Clock& x_clock;
  const std::vector<config::AdminToken> x_tokens;
  std::vector<std::string> x_secrets;  // by token; empty: none
  std::optional<int64_t> x_read_ms;
};

// What an operation asks of its caller.
enum class Access : uint8_t { kOpen, kRead, kWrite };

class AccessRules {
 public:
  AccessRules(const Clock& clock, const config::AdminConfig& admin);

  // Whether the request is meant for us: a loopback name or the admin address in Host, and no
  // Origin but our own. Nothing: it is.
  std::optional<Answer> refuse_host(const http::RequestHead& head) const;
  // Sets the actor, or refuses with 401 or 403.
  std::optional<Answer> refuse_caller(Request& request, Access access);

 private:
  bool is_known_host(std::string_view authority) const;

  Tokens x_tokens;
  std::string x_address;  // the admin address's IP; empty: a unix socket
  bool x_any_ip = false;  // listens on every address
};

}  // namespace outrigger::admin
