#include "proxy/app/kept_endpoints.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/discovery/kept_lists.hpp"

namespace outrigger::app {
namespace {

constexpr const char* kLists = "endpoints";

}  // namespace

void KeptEndpoints::load(const config::Config& first) {
  if (!first.snapshot.dir) return;
  auto kept = x_files.load(*first.snapshot.dir, kLists);
  if (kept && kept->empty()) return;
  auto memory = kept ? discovery::memory_from(*kept, x_loop.clock) : failure(kept.error());
  if (!memory) return log::error("snapshot not used", {{"why", memory.error()}});
  log::info("lists of endpoints that an earlier process kept",
            {{"lists", std::to_string(memory->size())}});
  x_discovery.begin_with(std::move(*memory));
}

void KeptEndpoints::commit(Snapshot& next) noexcept {
  const bool is_other = x_folder != next.config.snapshot.dir;
  x_folder = next.config.snapshot.dir;
  if (!x_folder) return x_soon.cancel();
  if (is_other) note_change();
}

void KeptEndpoints::note_change() {
  if (!x_folder) return;
  x_has_changed = true;
  if (x_is_saving || x_soon.is_armed()) return;
  const int64_t now_ms = x_loop.clock.now_ms();
  x_loop.timers.arm(x_soon, std::max(now_ms + kSoonMs, x_not_before_ms));
}

void KeptEndpoints::save() {
  x_has_changed = false;
  x_is_saving = true;
  x_not_before_ms = x_loop.clock.now_ms() + kPauseMs;
  x_saving = x_files.save(*x_folder, kLists,
                          discovery::to_text(x_discovery.remember(), x_loop.clock), *this);
}

void KeptEndpoints::on_kept(const Result<bool>& kept) {
  x_is_saving = false;
  if (!kept) {
    ++x_failures;
    log::repeated(log::Level::kError, "lists of endpoints not kept on disk",
                  {{"why", kept.error()}});
  }
  if (x_has_changed) note_change();
}

}  // namespace outrigger::app
