#include "proxy/discovery/dns_source.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace outrigger::discovery {
namespace {

using io::RecordType;
using io::Verdict;

RecordType other_than(RecordType type) {
  return type == RecordType::kA ? RecordType::kAaaa : RecordType::kA;
}

}  // namespace

DnsSource::DnsSource(LoopContext loop, std::shared_ptr<io::NameService> names,
                     const config::DnsRegistryConfig& registry, const Memory& memory,
                     std::string name, uint16_t port, SourceEvents& events)
    : Source(events),
      x_loop(loop),
      x_names(std::move(names)),
      x_name(std::move(name)),
      x_port(port),
      x_key("dns " + registry.name + " " + x_name + ":" + std::to_string(port)),
      x_schedule(loop, *x_names, registry, [this] { ask(); }) {
  const auto known = memory.find(x_key);
  if (known != memory.end()) x_remembered = known->second;
}

void DnsSource::start() {
  if (x_remembered) {
    std::vector<Address> addresses;
    for (const auto& listed : x_remembered->list) {
      addresses.push_back(Address::from_bytes(listed.address.ip(), 0));
    }
    x_known.begin_with(addresses, x_remembered->at_ms);
    x_is_from_disk = x_remembered->from_disk;
    report(std::move(x_remembered->list));
  }
  ask();
}

void DnsSource::remember(Memory& memory) const {
  if (answered()) memory[x_key] = {list(), x_loop.clock.now_ms() - age_ms(), x_is_from_disk};
}

// The lookup before this one dies here rather than in its own report.
void DnsSource::ask() {
  if (x_awaited) {
    x_known.note_silence(*x_awaited);
    report_failures({{.type = *x_awaited, .verdict = Verdict::kSilence, .addresses = {}}});
    x_awaited.reset();
  }
  x_schedule.note_asked();
  x_lookup = x_names->resolve({.name = x_name, .known_as = x_known.known_as()}, *this);
}

void DnsSource::on_resolved(const io::Resolved& resolved) {
  const int64_t now_ms = x_loop.clock.now_ms();
  const auto awaited = std::exchange(x_awaited, std::nullopt);
  const auto has_records = [](const io::Answer& answer) {
    return answer.verdict == Verdict::kRecords;
  };
  const bool is_in_touch = std::ranges::any_of(resolved.answers, has_records) &&
                           std::ranges::none_of(resolved.answers, io::is_failure);
  if (resolved.is_complete) {
    const int64_t in_ms = x_schedule.wait_after(resolved.answers);
    // The family that came first is due when it said.
    x_schedule.ask_in(awaited ? std::min(in_ms, x_schedule.left_ms()) : in_ms, is_in_touch);
  } else {
    const io::Answer& first = resolved.answers.front();
    x_awaited = other_than(first.type);
    x_schedule.ask_in(std::max(kPatienceMs, x_schedule.wait_for(first.ttl_s)), is_in_touch);
  }
  if (x_known.take(resolved, now_ms)) {
    x_is_from_disk = false;
    report_list();
  }
  report_failures(resolved.answers);
}

void DnsSource::report_list() {
  AddressList list;
  for (const RecordType type : io::kAddressTypes) {
    std::vector<Address> addresses = x_known.family(type).addresses;
    std::ranges::sort(addresses);
    for (const Address& found : addresses) {
      const Address address = Address::from_bytes(found.ip(), x_port);
      if (list.empty() || list.back().address != address) list.push_back({address});
    }
  }
  report(std::move(list));
}

void DnsSource::report_failures(const Answers& answers) {
  const auto failed = std::ranges::count_if(answers, io::is_failure);
  if (failed == 0) return;
  const io::Answer& first = *std::ranges::find_if(answers, io::is_failure);
  const bool only_late = std::ranges::none_of(
      answers, [](const io::Answer& answer) { return answer.verdict == Verdict::kError; });
  std::string who = x_name;
  if (failed == 1) who += first.type == RecordType::kA ? " (A)" : " (AAAA)";
  report_failure(SourceKind::kDns, who + (only_late ? ": no name server answered in time"
                                                    : ": the name servers gave no usable answer"));
}

// ---- age

// A family without addresses has a say only while the other has none either.
template <class Visit>
void DnsSource::visit_listed(Visit visit) const {
  for (const RecordType type : io::kAddressTypes) {
    const io::KnownName::Family& family = x_known.family(type);
    if (x_known.is_empty() ? family.was_answered : !family.addresses.empty()) visit(family);
  }
}

int64_t DnsSource::age_ms() const {
  int64_t oldest_ms = 0;
  visit_listed([&](const io::KnownName::Family& family) {
    oldest_ms = std::max(oldest_ms, x_loop.clock.now_ms() - family.answered_at_ms);
  });
  return oldest_ms;
}

int64_t DnsSource::lapsed_ms() const {
  int64_t freshest_ms = std::numeric_limits<int64_t>::max();
  visit_listed([&](const io::KnownName::Family& family) {
    const int64_t age_ms = x_loop.clock.now_ms() - family.answered_at_ms;
    freshest_ms = std::min(freshest_ms, family.is_failing ? age_ms : 0);
  });
  return freshest_ms;
}

}  // namespace outrigger::discovery
