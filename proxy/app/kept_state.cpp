#include "proxy/app/kept_state.hpp"

#include <utility>

#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

constexpr const char* kOverrides = "overrides";

}  // namespace

std::string KeptState::load_overrides(const config::Config& first) {
  if (!first.snapshot.dir) return {};
  auto kept = x_files.load(*first.snapshot.dir, kOverrides);
  if (kept) return std::move(*kept);
  log::error("snapshot not used", {{"why", kept.error()}});
  return {};
}

void KeptState::save(std::string content, std::function<void(bool)> done) {
  x_done = std::move(done);
  x_saving = x_files.save(*x_folder, kOverrides, std::move(content), *this);
}

void KeptState::on_kept(const Result<bool>& kept) {
  if (!kept) {
    log::repeated(log::Level::kError, "overrides not kept on disk", {{"why", kept.error()}});
  }
  std::exchange(x_done, nullptr)(static_cast<bool>(kept));
}

}  // namespace outrigger::app
