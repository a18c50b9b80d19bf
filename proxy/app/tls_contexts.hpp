// Loads the certificates and keys that the configuration names, publishes what handshakes are made
// from, and does so again when a file changes (also by the swap of a symbolic link). What cannot be
// used changes nothing. Owned by the control plane; its thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/app/process.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/file_watch.hpp"

namespace outrigger::app {

// Loads everything that `config` names and publishes it in `process`; each by itself: one that
// cannot be used keeps what it had, and stops no other. The failures are sentences. Requires: the
// services of `config` are known to the process.
std::vector<std::string> publish_tls(const config::Config& config, Process& process,
                                     int64_t now_unix_s);

class TlsContexts final : public io::FileChangeEvents {
 public:
  TlsContexts(io::Loop& loop, Process& process) : x_loop(loop), x_process(process) {}

  // Everything that `config` names; the failure is a sentence. Requires: as publish_tls().
  Result<bool> start(const config::Config& config);

 private:
  void on_changed() override;
  std::vector<std::string> load();
  void watch(const std::string& path);

  io::Loop& x_loop;
  Process& x_process;
  config::Config x_config;
  std::vector<std::string> x_paths;
  std::vector<std::unique_ptr<io::FileWatch>> x_watches;
};

}  // namespace outrigger::app
