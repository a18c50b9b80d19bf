// A program that a test starts: the product itself, curl, nginx, dnsmasq, prometheus. Its output
// goes to files, so that nobody has to read along. The test owns it and ends it by its id; it dies
// with the test, whatever becomes of that. Blocking; for the thread of the test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace outrigger::testing {

// Milliseconds that only count up.
int64_t ticks_ms();
// Gives the processor away for a moment; for loops that poll a condition.
void idle_ms(int ms);

// Polls until `holds()`; returns whether it did in time.
template <class Holds>
bool eventually(Holds holds, int64_t limit_ms = 10'000) {
  const int64_t ends_ms = ticks_ms() + limit_ms;
  while (!holds()) {
    if (ticks_ms() >= ends_ms) return holds();
    idle_ms(5);
  }
  return true;
}

std::string read_file(const std::filesystem::path& path);
// In one piece: written aside and renamed over the old one.
void replace_file(const std::filesystem::path& path, std::string_view text);

// A folder of its own that goes when this does.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return x_path; }
  std::filesystem::path operator/(std::string_view name) const { return x_path / name; }

 private:
  std::filesystem::path x_path;
};

struct Spawn {
  std::vector<std::string> environment{};  // NAME=VALUE, added to ours
  std::optional<uint64_t> descriptors{};   // hard limit of open files; the soft one is low
  std::optional<uid_t> user{};             // with the group of the same number, and no other
  int network = -1;                        // descriptor of a network namespace; see namespaces.hpp
};

class Process {
 public:
  // argv[0] is searched in PATH and the folders of system programs.
  explicit Process(std::vector<std::string> argv, const Spawn& spawn = {});
  // SIGKILL to what still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return x_pid; }
  void signal(int number) const;
  bool is_running();
  // The exit code, 128 + N after signal N; nothing when it still runs after `limit_ms`.
  std::optional<int> wait(int64_t limit_ms = 20'000);

  std::string out() const { return read_file(x_folder / "out"); }
  std::string err() const { return read_file(x_folder / "err"); }

 private:
  TempFolder x_folder;
  pid_t x_pid = -1;
  std::optional<int> x_code;
};

struct Finished {
  int code = -1;  // -1: it was killed for taking too long
  std::string out;
  std::string err;
};

Finished run(std::vector<std::string> argv, const Spawn& spawn, int64_t limit_ms = 60'000);
Finished run(std::vector<std::string> argv, int64_t limit_ms = 60'000);

// Whether such a program can be started here.
bool is_installed(const std::string& program);

// A TCP port of 127.0.0.1 that nothing uses at this moment, for programs that cannot take port 0.
int free_port();

}  // namespace outrigger::testing
