#include "proxy/base/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <map>
#include <mutex>
#include <utility>

#include <unistd.h>

#include "proxy/base/json_line.hpp"

namespace outrigger::log {
namespace {

constexpr int64_t kSummaryEachMs = 10'000;

struct Repeat {
  int64_t said_at_ms;
  uint64_t since = 0;
};

struct State {
  std::atomic<bool> json = isatty(STDERR_FILENO) == 0;
  std::atomic<Level> level = Level::kInfo;
  std::atomic<LineSink*> sink = nullptr;  // null: standard error itself
  std::mutex mutex;
  std::map<std::string, Repeat> repeats;  // bounded: see repeated()
};

// Never destroyed: threads may log until the very end.
State& state() {
  static auto* const the_state = new State;
  return *the_state;
}

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

int64_t read_clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

int64_t wall_ms() { return read_clock_ms(CLOCK_REALTIME); }

std::string as_json(Level level, std::string_view message, FieldList fields) {
  JsonLine line;
  line.begin();
  line.add("ts", iso_time(wall_ms()));
  line.add("level", to_string(level));
  line.add("msg", message);
  for (const Field& field : fields) line.add_if(field.key, field.value);
  return std::string(line.end());
}

std::string as_text(Level level, std::string_view message, FieldList fields) {
  std::string line = iso_time(wall_ms());
  line.append(" ").append(to_string(level)).append(" ").append(message);
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

void write_at_once(std::string line) {
  line.push_back('\n');
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return;
    }
  }
}

void write(Level level, std::string_view message, FieldList fields) {
  State& s = state();
  if (level < s.level) return;
  std::string line = s.json ? as_json(level, message, fields) : as_text(level, message, fields);
  if (LineSink* const sink = s.sink) return sink->append(line);
  write_at_once(std::move(line));
}

}  // namespace

void set_format(Format format) {
  state().json = format == Format::kJson || (format == Format::kAuto && isatty(STDERR_FILENO) == 0);
}

void set_level(Level level) { state().level = level; }

Level level() { return state().level; }

std::string_view to_string(Level level) { return kLevelNames[static_cast<size_t>(level)]; }

std::optional<Level> level_from(std::string_view name) {
  const auto found = std::find(kLevelNames.begin(), kLevelNames.end(), name);
  if (found == kLevelNames.end()) return std::nullopt;
  return static_cast<Level>(found - kLevelNames.begin());
}

To::To(LineSink& sink) { state().sink = &sink; }
To::~To() { state().sink = nullptr; }

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
  const int64_t now_ms = read_clock_ms(CLOCK_MONOTONIC);
  uint64_t since = 0;
  {
    const std::lock_guard lock(s.mutex);
    if (s.repeats.size() > kFailuresMax) s.repeats.clear();
    const auto [known, is_new] = s.repeats.try_emplace(key, Repeat{now_ms, 0});
    if (!is_new && now_ms - known->second.said_at_ms < kSummaryEachMs) {
      ++known->second.since;
      return;
    }
    since = std::exchange(known->second.since, 0);
    known->second.said_at_ms = now_ms;
  }
  write(level, message, fields);
  if (since > 0) {
    write(level, "the same again", {{"what", message}, {"times", static_cast<int64_t>(since)}});
  }
}

}  // namespace outrigger::log
