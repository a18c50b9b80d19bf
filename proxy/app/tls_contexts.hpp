// Makes what handshakes are made from of the certificates and keys that the configuration names,
// and does so again when their content changes. What cannot be used changes nothing: in another
// configuration it is refused, of a changed file the last good context stays. Owned by the control
// plane; its thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "proxy/app/part.hpp"
#include "proxy/app/process.hpp"
#include "proxy/app/tls_options.hpp"
#include "proxy/base/clock.hpp"

namespace outrigger::app {

class TlsContexts final : public Part {
 public:
  TlsContexts(const Clock& clock, Process& process) : x_clock(clock), x_process(process) {}

  void prepare(Proposal& next) override;
  void commit(Snapshot& next) noexcept override;
  void abandon() noexcept override { x_prepared.clear(); }
  void rotate(const std::set<std::string>& changed, const FilesByPath& files) override;

 private:
  // One `tls` of the configuration, with what was last made of its files.
  struct Section {
    TlsOptions options;
    TlsContext context;
  };
  using Sections = std::map<std::string, Section>;  // by whose it is: "services.orders"

  int64_t now_unix_s() const { return x_clock.wall_ms() / 1000; }
  void publish(const std::string& whose, const Section& section);

  const Clock& x_clock;
  Process& x_process;
  Sections x_sections;
  Sections x_prepared;
};

}  // namespace outrigger::app
