// Which sidecar a command means: its admin address, how it is spoken to, and the token that goes
// with each call. From the command line, the environment, or the sidecar's own configuration.
// Reads files; for commands.
#pragma once

#include <string>
#include <vector>

#include "proxy/base/result.hpp"
#include "proxy/ctl/caller.hpp"

namespace outrigger::ctl {

inline constexpr const char* kDefaultAdmin = "127.0.0.1:9901";

struct ServerOptions {
  std::string admin{};  // IP:PORT, localhost:PORT, unix:PATH, http(s)://IP:PORT; or empty
  std::vector<std::string> files{};  // the configuration that says it, where `admin` is empty
  std::string token_file{};
  std::string ca_file{};  // not empty: TLS, to a certificate for the address
};

struct FoundServer {
  Server server;
  std::string token;  // empty: none is sent
};

// The failure is a sentence. `now_unix_s` is for certificates.
Result<FoundServer> find_server(const ServerOptions& options, int64_t now_unix_s);

// Where metrics and probes of a configuration are: of its metrics address, else of its admin's.
Result<std::string> probe_address_of(const std::vector<std::string>& files);

}  // namespace outrigger::ctl
