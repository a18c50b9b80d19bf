#include "proxy/app/overrides_watch.hpp"

#include <utility>

#include "admin/overrides_file.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

void say_refused(const std::string& why) {
  log::error("overrides file not in force", {{"why", why}});
}

}  // namespace

std::vector<admin::OverrideEntry> OverridesWatch::first(const config::Config& config,
                                                        const ReadNow& read) {
  if (!config.overrides.file) return {};
  return parse(*config.overrides.file, read(*config.overrides.file));
}

// What a file said that is named no longer ends by another change, after this one.
void OverridesWatch::commit(Snapshot& next) noexcept {
  if (next.config.overrides.file == x_path) return;
  const bool had_one = std::exchange(x_path, next.config.overrides.file).has_value();
  x_watch = x_path ? x_files.watch(*x_path, *this) : nullptr;
  if (had_one) x_text.reset();
  if (!x_path) x_loop.timers.arm(x_forgetting, x_loop.clock.now_ms());
}

void OverridesWatch::on_file(const std::string& path, const io::FileContent& content) {
  if (content && x_text == *content) return;
  std::vector<admin::OverrideEntry> entries = parse(path, content);
  if (!x_is_good) return;
  const size_t count = entries.size();
  const admin::Changed changed = x_changes.take_file(std::move(entries));
  for (const config::Problem& problem : changed.problems) {
    say_refused(path + ": " + config::to_string(problem));
  }
  if (changed.problems.empty()) {
    log::info("overrides file in force",
              {{"file", path}, {"overrides", static_cast<int64_t>(count)}});
  }
}

std::vector<admin::OverrideEntry> OverridesWatch::parse(const std::string& path,
                                                        const io::FileContent& content) {
  x_is_good = true;
  if (!content) {
    x_text.reset();
    refuse(content.error());
    return {};
  }
  x_text = *content;
  admin::OverridesFile file = admin::parse_overrides_file(path, *content);
  for (const config::Problem& problem : file.problems) refuse(config::to_string(problem));
  return x_is_good ? std::move(file.entries) : std::vector<admin::OverrideEntry>();
}

void OverridesWatch::refuse(const std::string& why) {
  x_is_good = false;
  say_refused(why);
}

}  // namespace outrigger::app
