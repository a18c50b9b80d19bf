#include "metrics/process_stats.hpp"

#include <fstream>
#include <sstream>
#include <string>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

namespace outrigger::metrics {
namespace {

// The seconds since 1970 at which the system started.
double boot_time_s() {
  std::ifstream stat("/proc/stat");
  std::string word;
  while (stat >> word) {
    double value = 0;
    if (word == "btime" && stat >> value) return value;
  }
  return 0;
}

int64_t count_fds() {
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int64_t count = -3;  // `.`, `..` and the folder itself
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count < 0 ? 0 : count;
}

// Fields of /proc/self/stat are numbered as in proc(5); the name, field 2, may hold blanks.
void read_stat(ProcessStats& stats) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream fields(line.substr(name_end + 1));
  constexpr int kFirst = 3;
  constexpr int kUserTime = 14;
  constexpr int kSystemTime = 15;
  constexpr int kStartTime = 22;
  constexpr int kVirtualBytes = 23;
  constexpr int kResidentPages = 24;
  const double tick = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::string field;
  for (int number = kFirst; number <= kResidentPages && fields >> field; ++number) {
    const double value = number == kFirst ? 0 : std::strtod(field.c_str(), nullptr);
    if (number == kUserTime || number == kSystemTime) stats.cpu_s += value / tick;
    if (number == kStartTime) stats.started_at_s = boot_time_s() + value / tick;
    if (number == kVirtualBytes) stats.virtual_bytes = static_cast<int64_t>(value);
    if (number == kResidentPages) {
      stats.resident_bytes = static_cast<int64_t>(value) * sysconf(_SC_PAGESIZE);
    }
  }
}

}  // namespace

ProcessStats read_process_stats() {
  ProcessStats stats;
  read_stat(stats);
  stats.open_fds = count_fds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = static_cast<int64_t>(limit.rlim_cur);
  return stats;
}

}  // namespace outrigger::metrics
