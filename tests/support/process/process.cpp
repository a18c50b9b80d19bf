#include "tests/support/process/process.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/assert.hpp"
#include "proxy/io/fd.hpp"

namespace outrigger::testing {
namespace {

constexpr rlim_t kSoftLimit = 256;

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path == nullptr ? "" : path) + ":/usr/sbin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Between fork and exec: only what is safe there.
[[noreturn]] void become(const char* program, char* const* argv, char* const* environment, int out,
                         int err, const Spawn& spawn) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (spawn.descriptors) {
    const rlimit limit{std::min<rlim_t>(kSoftLimit, *spawn.descriptors), *spawn.descriptors};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (spawn.network >= 0 && ::setns(spawn.network, CLONE_NEWNET) != 0) ::_exit(126);
  if (spawn.user) {
    const bool changed =
        ::setgroups(0, nullptr) == 0 && ::setgid(*spawn.user) == 0 && ::setuid(*spawn.user) == 0;
    if (!changed) ::_exit(126);
  }
  // A change of the user would take it back.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::execve(program, argv, environment);
  ::_exit(127);
}

}  // namespace

int64_t ticks_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void idle_ms(int ms) { ::poll(nullptr, 0, ms); }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void replace_file(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path aside = path;
  aside += ".new";
  std::ofstream(aside, std::ios::binary) << text;
  std::filesystem::rename(aside, path);
}

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "outrigger-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  x_path = name;
  // Programs that run as other users read their files here.
  std::filesystem::permissions(x_path, std::filesystem::perms(0755));
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(x_path, ignored);
}

Process::Process(std::vector<std::string> argv, const Spawn& spawn) {
  const std::string program = find_program(argv.front());
  std::vector<std::string> environment = spawn.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const auto arguments = pointers(argv);
  const auto variables = pointers(environment);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  const io::Fd out(::open((x_folder / "out").c_str(), kFlags, 0600));
  const io::Fd err(::open((x_folder / "err").c_str(), kFlags, 0600));
  x_pid = ::fork();
  if (x_pid == 0) {
    become(program.c_str(), arguments.data(), variables.data(), out.get(), err.get(), spawn);
  }
}

Process::~Process() {
  if (!is_running()) return;
  ::kill(x_pid, SIGKILL);
  ::waitpid(x_pid, nullptr, 0);
}

void Process::signal(int number) const {
  if (!x_code) ::kill(x_pid, number);
}

bool Process::is_running() {
  if (x_code || x_pid <= 0) return false;
  int status = 0;
  if (::waitpid(x_pid, &status, WNOHANG) != x_pid) return true;
  x_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

std::optional<int> Process::wait(int64_t limit_ms) {
  eventually([this] { return !is_running(); }, limit_ms);
  return x_code;
}

Finished run(std::vector<std::string> argv, int64_t limit_ms) {
  return run(std::move(argv), Spawn{}, limit_ms);
}

Finished run(std::vector<std::string> argv, const Spawn& spawn, int64_t limit_ms) {
  Process process(std::move(argv), spawn);
  const auto code = process.wait(limit_ms);
  return {code.value_or(-1), process.out(), process.err()};
}

bool is_installed(const std::string& program) { return !find_program(program).empty(); }

int free_port() {
  const io::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  OUTRIGGER_ASSERT(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace outrigger::testing
