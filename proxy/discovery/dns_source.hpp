// A DnsSource is the A and AAAA records of a name, with a port, asked for again as a DnsSchedule
// says. Each family has its own list:
// an error or silence for one keeps what it had, whatever the other says. A name without addresses
// (RFC 2308) is an empty list, once that was said for both. Owned by a tree of sources; control
// thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/dns_schedule.hpp"
#include "proxy/discovery/source.hpp"
#include "proxy/io/known_name.hpp"

namespace outrigger::discovery {

class DnsSource final : public Source, private io::ResolveEvents {
 public:
  // So long at least one family is waited for before the other, which has answered, is asked again.
  static constexpr int64_t kPatienceMs = 2'000;

  // `registry` and `memory` are only read here. Requires: 1 <= port <= 65535.
  DnsSource(LoopContext loop, std::shared_ptr<io::NameService> names,
            const config::DnsRegistryConfig& registry, const Memory& memory, std::string name,
            uint16_t port, SourceEvents& events);

  void start() override;
  void remember(Memory& memory) const override;
  // That of the older family of those that the list is made of.
  int64_t age_ms() const override;
  // That of the fresher one: the name is in touch while one is.
  int64_t lapsed_ms() const override;
  bool is_from_disk() const override { return x_is_from_disk; }

 private:
  using Answers = std::vector<io::Answer>;

  void on_resolved(const io::Resolved& resolved) override;
  void ask();
  void report_list();
  void report_failures(const Answers& answers);
  // visit(const Family&) for each that the list is made of.
  template <class Visit>
  void visit_listed(Visit visit) const;

  LoopContext x_loop;
  const std::shared_ptr<io::NameService> x_names;
  const std::string x_name;
  const uint16_t x_port;
  const std::string x_key;
  std::optional<Known> x_remembered;  // before start()
  io::KnownName x_known;
  // The family that the lookup under way still waits for, when the other has answered.
  std::optional<io::RecordType> x_awaited;
  DnsSchedule x_schedule;
  bool x_is_from_disk = false;
  io::OperationPtr x_lookup;
};

}  // namespace outrigger::discovery
