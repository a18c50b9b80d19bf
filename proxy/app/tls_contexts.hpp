// Loads the certificates and keys that the configuration names, publishes what handshakes are made
// from, and does so again when a file changes (also by the swap of a symbolic link). What cannot be
// used changes nothing. Owned by the control plane; its thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/app/process.hpp"
#include "proxy/base/published.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/file_watch.hpp"

namespace outrigger::app {

class TlsContexts final : public io::FileEvents {
 public:
  TlsContexts(io::Loop& loop, Process& process) : x_loop(loop), x_process(process) {}

  // Everything that `config` names; the failure is a sentence. Requires: the services of `config`
  // are known to the process.
  Result<bool> start(const config::Config& config);
  // The context of the admin port; empty where it has none.
  const Published<io::TlsServerContext>& admin() const { return x_admin; }

 private:
  void on_changed() override;
  std::vector<std::string> load();
  void watch(const std::string& path);

  io::Loop& x_loop;
  Process& x_process;
  Published<io::TlsServerContext> x_admin;
  config::Config x_config;
  std::vector<std::string> x_paths;
  std::vector<std::unique_ptr<io::FileWatch>> x_watches;
};

}  // namespace outrigger::app
