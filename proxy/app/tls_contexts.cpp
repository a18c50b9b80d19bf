#include "proxy/app/tls_contexts.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"

namespace outrigger::app {

void TlsContexts::prepare(Proposal& next) {
  for (TlsSection& section : tls_sections(next.config())) {
    // The files of a section that is as it was are not asked again: what they say now may be of use
    // only later.
    const auto known = x_sections.find(section.whose);
    if (known != x_sections.end() && known->second.options == section.options) {
      x_prepared.emplace(section.whose, known->second);
      continue;
    }
    auto context = prepare_tls(next, section, now_unix_s());
    if (!context) continue;
    x_prepared.emplace(section.whose, Section{std::move(section.options), std::move(*context)});
  }
}

void TlsContexts::commit(Snapshot&) noexcept {
  x_sections = std::exchange(x_prepared, {});
  for (const auto& [whose, section] : x_sections) publish(whose, section);
}

void TlsContexts::publish(const std::string& whose, const Section& section) {
  constexpr std::string_view kListeners = "listeners.";
  constexpr std::string_view kServices = "services.";
  constexpr std::string_view kRegistries = "registries.";
  if (whose.starts_with(kServices)) {
    const auto service = x_process.services.find(whose.substr(kServices.size()));
    return service->tls().set(std::get<io::TlsClientContextPtr>(section.context));
  }
  if (whose.starts_with(kRegistries)) {
    auto& tls = x_process.registry_tls[whose.substr(kRegistries.size())];
    return tls.set(std::get<io::TlsClientContextPtr>(section.context));
  }
  const auto& context = std::get<io::TlsServerContextPtr>(section.context);
  if (!whose.starts_with(kListeners)) return x_process.admin_tls.set(context);
  x_process.listeners[whose.substr(kListeners.size())].tls.set(context);
}

void TlsContexts::rotate(const std::set<std::string>& changed, const FilesByPath& files) {
  for (auto& [whose, section] : x_sections) {
    const std::vector<std::string> paths = paths_of(section.options);
    const bool is_meant = std::any_of(paths.begin(), paths.end(),
                                      [&](const auto& path) { return changed.contains(path); });
    if (!is_meant) continue;
    auto loaded = load_tls(section.options, now_unix_s(), files);
    if (!loaded) {
      log::warning("certificate not reloaded", {{"why", whose + ".tls: " + loaded.error()}});
      continue;
    }
    section.context = std::move(*loaded);
    publish(whose, section);
    log::info("certificates reloaded", {{"of", whose}});
  }
}

}  // namespace outrigger::app
