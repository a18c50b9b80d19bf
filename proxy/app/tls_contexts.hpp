// Loads the certificates and keys that the configuration names, publishes what handshakes are made
// from, and does so again when the content of a file changes. What cannot be used changes nothing.
// Owned by the control plane; its thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/app/process.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/files.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::app {

// Loads everything that `config` names and publishes it in `process`; each by itself: one that
// cannot be used keeps what it had, and stops no other. The failures are sentences. Requires: the
// services of `config` are known to the process.
std::vector<std::string> publish_tls(const config::Config& config, Process& process,
                                     int64_t now_unix_s, const io::PemReader& read = io::read_pem);

class TlsContexts final : private io::FileEvents {
 public:
  // From a change to the load, so that the files of one rotation are loaded together.
  static constexpr int64_t kTogetherMs = 50;

  TlsContexts(LoopContext loop, io::Files& files, Process& process)
      : x_loop(loop), x_files(files), x_process(process) {}

  // Everything that `config` names, read at once; the failure is a sentence. Requires: as
  // publish_tls(), and that no call runs yet.
  Result<bool> start(const config::Config& config);

 private:
  void on_file(const std::string& path, const io::FileContent& content) override;
  void on_changed();
  std::vector<std::string> load(const io::PemReader& read);

  const LoopContext x_loop;
  io::Files& x_files;
  Process& x_process;
  config::Config x_config;
  std::map<std::string, io::FileContent> x_contents;
  std::vector<io::FileTaskPtr> x_watches;
  Timer x_together = Timer::of<&TlsContexts::on_changed>(*this);
};

}  // namespace outrigger::app
