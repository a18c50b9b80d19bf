// An SrvSource is the places of an SRV name (RFC 2782), with their ports and weights: those of the
// lowest priority that has an address. Each place is a DnsSource of its own for as long as it is
// named, so the TTLs of names and addresses may differ. Owned by a tree of sources; control thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/model_endpoints.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/dns_schedule.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class SrvSource final : public Source, private io::ResolveEvents {
 public:
  // More are left out, which is a failure that is said.
  static constexpr size_t kMostPlaces = 256;

  // `memory` is only read here.
  SrvSource(LoopContext loop, std::shared_ptr<io::NameService> names,
            const config::DnsRegistryConfig& registry, const Memory& memory, std::string name,
            SourceEvents& events);
  ~SrvSource() override;

  void start() override;
  void remember(Memory& memory) const override;
  // That of the records, or of an address that is older.
  int64_t age_ms() const override;
  int64_t lapsed_ms() const override { return x_is_failing ? age_of_records_ms() : 0; }
  bool is_from_disk() const override { return x_is_from_disk; }

 private:
  class Place;
  using Records = std::vector<io::ServiceRecord>;

  void on_resolved(const io::Resolved& resolved) override;
  void ask();
  void take(Records records);
  void report_places();
  int64_t age_of_records_ms() const { return x_loop.clock.now_ms() - x_answered_at_ms; }

  LoopContext x_loop;
  const std::shared_ptr<io::NameService> x_names;
  const config::DnsRegistryConfig x_registry;
  const std::string x_name;
  const std::string x_key;
  std::optional<Known> x_remembered;  // before start()
  DnsSchedule x_schedule;
  std::string x_known_as;
  bool x_has_records = false;  // or the word that there are none
  bool x_is_failing = false;
  bool x_is_from_disk = false;
  int64_t x_answered_at_ms = 0;
  Records x_records;  // sorted by priority
  // Targets and ports.
  std::map<std::pair<std::string, uint16_t>, std::unique_ptr<Place>> x_places;
  io::OperationPtr x_lookup;
};

}  // namespace outrigger::discovery
