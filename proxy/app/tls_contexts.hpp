// Loads the certificates and keys that the configuration names, publishes what handshakes are made
// from, and does so again when the content of a file changes. What cannot be used changes nothing:
// in another configuration it is refused, of a changed file the last good context stays.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "proxy/app/part.hpp"
#include "proxy/app/process.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/files.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::app {

class TlsContexts final : public Part, private io::FileEvents {
 public:
  // From a change to the load, so that the files of one rotation are loaded together.
  static constexpr int64_t kTogetherMs = 50;

  TlsContexts(LoopContext loop, io::Files& files, Process& process)
      : x_loop(loop), x_files(files), x_process(process) {}

  void prepare(Proposal& next) override;
  void commit(Snapshot& next) noexcept override;
  void abandon() noexcept override {
    x_prepared.clear();
    x_read.clear();
  }

 private:
  // One `tls` of the configuration, with what was last made of its files.
  struct Section {
    std::variant<io::TlsServerOptions, io::TlsClientOptions> options;
    std::variant<io::TlsServerContextPtr, io::TlsClientContextPtr> context;

    std::vector<std::string> paths() const;
  };
  using Sections = std::map<std::string, Section>;  // by whose it is: "services.orders"

  // A file that is watched, with what was last seen of it.
  struct Watch {
    io::FileContent content;
    io::FileTaskPtr task;
  };

  void on_file(const std::string& path, const io::FileContent& content) override;
  void on_changed();
  const io::FileContent& read_once(const std::string& path);
  Result<bool> load(Section& section, const io::PemReader& read) const;
  void prepare(Proposal& next, const std::string& whose, Section section);
  void publish(const std::string& whose, const Section& section);
  void watch();

  const LoopContext x_loop;
  io::Files& x_files;
  Process& x_process;
  Sections x_sections;
  Sections x_prepared;
  std::map<std::string, io::FileContent> x_read;  // while it prepares
  std::map<std::string, Watch> x_watches;         // by path
  Timer x_together = Timer::of<&TlsContexts::on_changed>(*this);
};

}  // namespace outrigger::app
