// What happens around the calls of a World: lists, files, names and circuits change.
#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "tests/sim/certificates.hpp"
#include "tests/sim/world.hpp"

namespace outrigger::sim {

void World::plan_next_event() {
  const auto span = static_cast<uint32_t>(x_plan.span_ms + 2'000);
  if (x_events_left-- > 0) return x_event.arm_at(now_ms() + random().below(span / 4));
  // Whoever has no list yet gets one, and at the end all is well again.
  for (size_t service = 0; service < x_plan.passthrough(); ++service) {
    if (this->service(service)->endpoints() == nullptr) send_list(service);
  }
  if (x_plan.drains && !x_draining) begin_drain();
}

void World::on_event() {
  if (x_plan.operates && random().chance(0.5)) {
    x_is_restart_due = x_plan.restarts && random().chance(0.15);
    if (!x_is_restart_due) operate();
    return plan_next_event();
  }
  switch (random().below(x_plan.gentle ? 7 : 9)) {
    case 0:
    case 1:
      x_origins[random().below(static_cast<uint32_t>(x_origins.size()))]->change_mood();
      break;
    case 2:
      change_lists();
      break;
    case 3:
      reload();
      break;
    case 4:
      change_names();
      break;
    case 5:
      // The peers of good calls must not be late for it: they do not run meanwhile either.
      if (!x_plan.gentle || !std::exchange(x_was_paused, true)) {
        x_pause_ms = between(random(), 100, x_plan.gentle ? 4'000 : 30'000);
      }
      break;
    case 6:
      random().chance(0.5) ? change_secret() : change_certificate();
      break;
    case 7:
      force_circuit();
      break;
    default:
      for (const auto& origin : x_origins) origin->change_mood();
      break;
  }
  plan_next_event();
}

void World::change_lists() {
  if (x_plan.passthrough() > 0)
    send_list(random().below(static_cast<uint32_t>(x_plan.passthrough())));
}

void World::send_list(size_t service) {
  std::vector<upstream::ListedAddress> list;
  for (const auto& origin : x_origins) {
    if (origin->service() != service || random().chance(0.25)) continue;
    list.push_back(
        {origin->address(), static_cast<int>(between(random(), 1, 3)), random().chance(0.1)});
  }
  const bool may_be_empty = !x_plan.gentle && random().chance(0.3);
  if (list.empty() && !may_be_empty) {
    for (const auto& origin : x_origins) {
      if (origin->service() == service) list.push_back({origin->address(), 1, false});
    }
  }
  x_ledger.note(now_ms(), "control: list", service, list.size());
  const auto of = this->service(service);
  x_plane->on_endpoints(of->name(), of->set_endpoints(list, now_ms()));
}

std::vector<std::string> World::passthrough_ips() const {
  std::vector<std::string> ips;
  for (const auto& origin : x_origins) {
    if (origin->service() != x_plan.passthrough() || origin->is_opaque()) continue;
    ips.push_back(origin->address().ip_string());
  }
  return ips;
}

// Who asks for the name of passthrough gets half an answer: one family says nothing, or an error,
// or comes late. Addresses that are known serve on.
void World::change_names() {
  using io::Verdict;
  constexpr std::array kHalves{Verdict::kNoRecords, Verdict::kNoRecords, Verdict::kError,
                               Verdict::kSilence};
  const std::string& name = x_plan.services.back().name;
  for (const auto& side : x_sides) {
    side->names.set(name, passthrough_ips(), 2);
    auto& ipv6 = side->names.at(name, io::RecordType::kAaaa);
    ipv6.verdict = kHalves[random().below(kHalves.size())];
    ipv6.after_ms = random().below(300);
    auto& ipv4 = side->names.at(name, io::RecordType::kA);
    ipv4.after_ms = random().below(300);
    const bool may_fail = !x_plan.gentle || knows_passthrough(*side);
    if (!may_fail || !random().chance(0.4)) continue;
    ipv4.verdict = random().chance(0.5) ? Verdict::kError : Verdict::kSilence;
    if (!x_plan.gentle) ipv4.verdict = kHalves[random().below(kHalves.size())];
  }
  x_ledger.note(now_ms(), "control: names");
}

// It asked a while ago, and was answered.
bool World::knows_passthrough(Side& side) const {
  constexpr int64_t kAnswerMs = 1'000;
  if (side.names.asked.empty()) return false;
  if (side.asked_ms == 0) side.asked_ms = now_ms();
  return now_ms() > side.asked_ms + kAnswerMs;
}

// The watch sees it anyway.
void World::reload() {
  draw_file();
  x_ledger.note(now_ms(), "control: another file", x_is_file_bad ? 1 : 0);
  switch (random().below(3)) {
    case 0:
      return x_plane->on_signal(SIGHUP);
    case 1:
      return x_plane->reload("sim", "", [this](const admin::Reloaded& reloaded) {
        check_reloaded(reloaded.problems.empty());
      });
    default:
      return;
  }
}

void World::check_reloaded(bool is_good) {
  if (is_good != x_is_file_bad) return;
  x_ledger.violation(is_good ? "a bad file is in force" : "a good file is refused");
}

void World::change_secret() {
  x_ledger.note(now_ms(), "control: another secret");
  switch (random().below(4)) {
    case 0:
      return x_files.remove(kSecretFile);
    case 1:
      return x_files.set(kSecretFile, "no value\nof a field");
    default:
      x_secret = "s" + std::to_string(random().below(1'000'000));
      return x_files.set(kSecretFile, x_secret);
  }
}

// Gone, of another key, or whole.
void World::change_certificate() {
  const size_t which = random().below(2);
  x_ledger.note(now_ms(), "control: another certificate", which);
  const uint32_t how = random().below(4);
  if (how == 0) {
    x_certificate.reset();
    return x_files.remove(kKeyFile);
  }
  x_files.set(kCertificateFile, certificates()[which].certificate);
  if (how == 1) {
    x_certificate.reset();
    return x_files.set(kKeyFile, certificates()[1 - which].key);
  }
  x_certificate = which;
  x_files.set(kKeyFile, certificates()[which].key);
}

void World::force_circuit() {
  if (x_plan.operates) return;  // by the admin API
  using Force = upstream::CircuitForce;
  constexpr std::array kForces{Force::kAuto, Force::kAuto, Force::kForcedOpen, Force::kForcedClosed,
                               Force::kShadow};
  const size_t service = random().below(static_cast<uint32_t>(x_plan.passthrough()));
  const Force force = kForces[random().below(kForces.size())];
  x_ledger.note(now_ms(), "control: force", service, static_cast<uint64_t>(force));
  this->service(service)->circuit().force(force, now_ms());
}

void World::begin_drain() {
  x_draining = true;
  x_ledger.note(now_ms(), "control: drain");
  x_plane->on_signal(SIGTERM);
}

}  // namespace outrigger::sim
