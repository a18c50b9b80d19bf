#include "proxy/base/log.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "proxy/base/json_line.hpp"

namespace outrigger::log {
namespace {

constexpr auto kSummaryEach = std::chrono::seconds(10);

struct Repeat {
  spdlog::log_clock::time_point said_at;
  uint64_t since = 0;
};

struct State {
  std::mutex mutex;
  bool json = isatty(STDERR_FILENO) == 0;
  std::map<std::string, Repeat> repeats;  // bounded: see repeated()
  std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("outrigger",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
};

// Never destroyed: threads may log until the very end.
State& state() {
  static auto* const the_state = new State;
  return *the_state;
}

spdlog::level::level_enum as_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(Level level) {
  constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
  return kNames[static_cast<size_t>(level)];
}

int64_t wall_ms() {
  const auto since = spdlog::log_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

std::string as_json(Level level, std::string_view message, FieldList fields) {
  JsonLine line;
  line.begin();
  line.add("ts", iso_time(wall_ms()));
  line.add("level", name_of(level));
  line.add("msg", message);
  for (const Field& field : fields) line.add_if(field.key, field.value);
  return std::string(line.end());
}

std::string as_text(Level level, std::string_view message, FieldList fields) {
  std::string line = iso_time(wall_ms());
  line.append(" ").append(name_of(level)).append(" ").append(message);
  for (const Field& field : fields) {
    if (field.value.empty()) continue;
    line.append(" ").append(field.key).append("=");
    const bool plain =
        field.value.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:%[]") ==
        std::string::npos;
    if (plain) {
      line.append(field.value);
    } else {
      append_json_string(line, field.value);
    }
  }
  return line;
}

void write(Level level, std::string_view message, FieldList fields) {
  State& s = state();
  const auto at = as_spdlog(level);
  if (!s.logger->should_log(at)) return;
  s.logger->log(at, "{}",
                s.json ? as_json(level, message, fields) : as_text(level, message, fields));
}

}  // namespace

void set_format(Format format) {
  state().json = format == Format::kJson || (format == Format::kAuto && isatty(STDERR_FILENO) == 0);
}

void set_level(Level level) { state().logger->set_level(as_spdlog(level)); }

void debug(std::string_view message, FieldList fields) { write(Level::kDebug, message, fields); }
void info(std::string_view message, FieldList fields) { write(Level::kInfo, message, fields); }
void warning(std::string_view message, FieldList fields) {
  write(Level::kWarning, message, fields);
}
void error(std::string_view message, FieldList fields) { write(Level::kError, message, fields); }

void repeated(Level level, std::string_view message, FieldList fields) {
  constexpr size_t kFailuresMax = 1024;
  State& s = state();
  std::string key(message);
  if (fields.size() > 0) key.append(" ").append(fields.begin()->value);
  const auto now = spdlog::log_clock::now();
  uint64_t since = 0;
  {
    const std::lock_guard lock(s.mutex);
    if (s.repeats.size() > kFailuresMax) s.repeats.clear();
    const auto [known, is_new] = s.repeats.try_emplace(key, Repeat{now, 0});
    if (!is_new && now - known->second.said_at < kSummaryEach) {
      ++known->second.since;
      return;
    }
    since = std::exchange(known->second.since, 0);
    known->second.said_at = now;
  }
  write(level, message, fields);
  if (since > 0) {
    write(level, "the same again", {{"what", message}, {"times", static_cast<int64_t>(since)}});
  }
}

}  // namespace outrigger::log
