#include "proxy/registration/registrations.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/registration/membership.hpp"

namespace outrigger::registration {
namespace {

template <class Registry>
std::optional<Registry> find_in(const std::vector<Registry>& registries, const std::string& name) {
  const auto found = std::ranges::find(registries, name, &Registry::name);
  if (found == registries.end()) return std::nullopt;
  return *found;
}

RegistrySettings settings_of(const config::RegistriesConfig& registries, const std::string& name) {
  return {find_in(registries.consul, name), find_in(registries.eureka, name)};
}

}  // namespace

std::string_view to_string(State state) {
  constexpr std::array<std::string_view, kStates> kNames = {"pending", "registered", "failing",
                                                            "left"};
  return kNames[static_cast<size_t>(state)];
}

Registrations::Registrations(Surroundings surroundings, RegistrationEvents& events)
    : x_surroundings(std::move(surroundings)), x_events(events) {}

Registrations::~Registrations() = default;

void Registrations::apply(const config::Config& config) {
  std::erase_if(x_former, [](const auto& former) { return former->state() == State::kLeft; });
  if (x_has_left) return;
  std::vector<std::unique_ptr<Membership>> next;
  for (const config::Registration& each : config.registrations) {
    const RegistrySettings registry = settings_of(config.registries, each.registry);
    const auto same = std::ranges::find_if(x_members, [&](const auto& member) {
      return member != nullptr && member->is_of(each, registry);
    });
    next.push_back(same != x_members.end()
                       ? std::move(*same)
                       : std::make_unique<Membership>(x_surroundings, x_events, each, registry));
  }
  for (auto& member : x_members) {
    const auto overwrites = [&](const config::Registration& each) {
      return member->is_overwritten_by(each, settings_of(config.registries, each.registry));
    };
    if (member == nullptr || std::ranges::any_of(config.registrations, overwrites)) continue;
    ++x_leaving;
    member->leave([this] { note_left(); });
    x_former.push_back(std::move(member));
  }
  x_members = std::move(next);
}

void Registrations::leave(std::function<void()> done) {
  x_waiting.push_back(std::move(done));
  if (!std::exchange(x_has_left, true)) {
    for (const auto& member : x_members) {
      ++x_leaving;
      member->leave([this] { note_left(); });
    }
  }
  ++x_leaving;
  note_left();
}

void Registrations::note_left() {
  if (--x_leaving > 0) return;
  for (const auto& done : std::exchange(x_waiting, {})) done();
}

std::vector<Registrations::Entry> Registrations::entries() const {
  std::vector<Entry> entries;
  entries.reserve(x_members.size());
  for (const auto& member : x_members) entries.push_back(member->entry());
  return entries;
}

}  // namespace outrigger::registration
