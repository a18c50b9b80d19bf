#include "proxy/discovery/srv_source.hpp"

#include <algorithm>
#include <set>

#include "proxy/discovery/dns_source.hpp"
#include "proxy/io/known_name.hpp"

namespace outrigger::discovery {

using io::Verdict;

// The addresses of one target, with the port that goes with it.
class SrvSource::Place final : private SourceEvents {
 public:
  Place(SrvSource& owner, const std::string& target, uint16_t port)
      : x_owner(owner),
        x_source(owner.x_loop, owner.x_names, owner.x_registry, Memory(), target, port, *this) {}

  void start() { x_source.start(); }
  // Its addresses, or why there are none, are known.
  bool is_settled() const { return x_source.answered() || x_has_failed; }
  const DnsSource& source() const { return x_source; }

 private:
  void on_list(const AddressList&) override { x_owner.report_places(); }
  void on_failed(SourceKind kind, const std::string& why) override {
    const bool is_first = !std::exchange(x_has_failed, true);
    x_owner.report_failure(kind, why);
    if (is_first) x_owner.report_places();
  }
  void on_doubted(size_t, size_t) override {}

  SrvSource& x_owner;
  bool x_has_failed = false;
  DnsSource x_source;
};

SrvSource::SrvSource(LoopContext loop, std::shared_ptr<io::NameService> names,
                     const config::DnsRegistryConfig& registry, const Memory& memory,
                     std::string name, SourceEvents& events)
    : Source(events),
      x_loop(loop),
      x_names(std::move(names)),
      x_registry(registry),
      x_name(std::move(name)),
      x_key("dns " + registry.name + " srv " + x_name),
      x_schedule(loop, *x_names, registry, [this] { ask(); }) {
  const auto known = memory.find(x_key);
  if (known != memory.end()) x_remembered = known->second;
}

SrvSource::~SrvSource() = default;

void SrvSource::start() {
  if (x_remembered) {
    x_answered_at_ms = x_remembered->at_ms;
    x_is_from_disk = x_remembered->from_disk;
    report(std::move(x_remembered->list));
  }
  ask();
}

void SrvSource::remember(Memory& memory) const {
  if (answered()) memory[x_key] = {list(), x_loop.clock.now_ms() - age_ms(), x_is_from_disk};
}

void SrvSource::ask() {
  x_schedule.note_asked();
  x_lookup =
      x_names->resolve({.name = x_name, .known_as = x_known_as, .types = io::kServiceTypes}, *this);
}

void SrvSource::on_resolved(const io::Resolved& resolved) {
  const io::Answer& answer = resolved.answers.front();
  x_is_failing = io::is_failure(answer);
  x_schedule.ask_in(x_schedule.wait_after(resolved.answers), answer.verdict == Verdict::kRecords);
  if (x_is_failing) {
    const bool is_late = answer.verdict == Verdict::kSilence;
    return report_failure(SourceKind::kDns,
                          x_name + " (SRV): " +
                              (is_late ? "no name server answered in time"
                                       : "the name servers gave no usable answer"));
  }
  if (answer.verdict == Verdict::kRecords) x_known_as = resolved.name;
  x_answered_at_ms = x_loop.clock.now_ms();
  take(answer.places);
}

// An empty target says that the service is decidedly not there.
void SrvSource::take(Records records) {
  std::erase_if(records, [](const auto& record) { return record.target.empty(); });
  std::ranges::sort(records);
  if (records.size() > kMostPlaces) {
    report_failure(SourceKind::kDns, x_name + " (SRV): more than " + std::to_string(kMostPlaces) +
                                         " places; the last ones are left out");
    records.resize(kMostPlaces);
  }
  x_has_records = true;
  x_records = std::move(records);
  std::set<std::pair<std::string, uint16_t>> named;
  for (const io::ServiceRecord& record : x_records) named.emplace(record.target, record.port);
  std::erase_if(x_places, [&](const auto& place) { return !named.contains(place.first); });
  std::vector<Place*> fresh;
  for (const auto& key : named) {
    std::unique_ptr<Place>& place = x_places[key];
    if (place != nullptr) continue;
    place = std::make_unique<Place>(*this, key.first, key.second);
    fresh.push_back(place.get());
  }
  for (Place* place : fresh) place->start();
  report_places();
}

// By priority: the first places that have an address. Those of which nothing is known yet are
// waited for, and those that failed do not make the list an empty one.
void SrvSource::report_places() {
  if (!x_has_records) return;
  bool all_answered = true;
  AddressList found;
  for (auto record = x_records.begin(); record != x_records.end();) {
    const auto same = [&](const auto& other) { return other.priority == record->priority; };
    const auto end = std::find_if_not(record, x_records.end(), same);
    for (; record != end; ++record) {
      const Place& place = *x_places.at({record->target, record->port});
      if (!place.is_settled()) return;
      all_answered = all_answered && place.source().answered();
      for (upstream::ListedAddress listed : place.source().list()) {
        listed.weight = std::max<int>(1, record->weight);
        found.push_back(std::move(listed));
      }
    }
    if (!found.empty()) break;
  }
  if (found.empty() && !all_answered) return;
  x_is_from_disk = false;
  report(std::move(found));
}

int64_t SrvSource::age_ms() const {
  int64_t oldest_ms = age_of_records_ms();
  for (const auto& [key, place] : x_places) {
    if (place->source().answered()) oldest_ms = std::max(oldest_ms, place->source().age_ms());
  }
  return oldest_ms;
}

}  // namespace outrigger::discovery
