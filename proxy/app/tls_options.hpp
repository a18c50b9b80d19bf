// What the keys `tls` of the configuration come to, and whether their files are good: asked by
// `check` and before the sidecar starts. Reads files; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "config/problem.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::app {

io::TlsServerOptions tls_options(const config::ServerTls& tls, std::vector<std::string> alpn);
// `implied_alpn` is offered where `alpn` is `auto`.
io::TlsClientOptions tls_options(const config::ClientTls& tls,
                                 const std::vector<std::string>& implied_alpn);

// One for each `tls` whose files cannot be used at `now_unix_s`, in the order of the configuration.
std::vector<config::Problem> check_tls_files(const config::Config& config, int64_t now_unix_s);

}  // namespace outrigger::app
