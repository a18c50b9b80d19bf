#include "proxy/app/tool.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/io/fd.hpp"

namespace outrigger::app {
namespace {

constexpr size_t kOutputMax = 1 << 20;

// Files in memory: unlike pipes they need nobody at the other end meanwhile.
io::Fd memory_file(std::string_view content) {
  io::Fd fd(::memfd_create("outrigger", MFD_CLOEXEC));
  while (fd.is_open() && !content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written <= 0) return {};
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fd.is_open()) ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string content_of(const io::Fd& fd) {
  std::string text;
  std::array<char, 4096> piece;
  ::lseek(fd.get(), 0, SEEK_SET);
  while (text.size() < kOutputMax) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got <= 0) break;
    text.append(piece.data(), static_cast<size_t>(got));
  }
  return text;
}

// Its exit code, -1 when it had none.
int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

std::string find_tool(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path == nullptr ? "" : path) + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = folder + "/" + std::string(name);
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

Result<std::string> run_tool(std::vector<std::string> argv, std::string_view input) {
  const std::string name = argv.front();
  const std::string program = find_tool(name);
  if (program.empty()) return failure(name + ": is not installed");
  const io::Fd in = memory_file(input);
  const io::Fd out = memory_file({});
  const io::Fd err = memory_file({});
  if (!in.is_open() || !out.is_open() || !err.is_open()) {
    return failure(name + ": " + std::strerror(errno));
  }

  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, in.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, err.get(), STDERR_FILENO);
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, program.c_str(), &files, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) return failure(name + ": " + std::strerror(error));

  const int code = wait_for(pid);
  if (code == 0) return content_of(out);
  std::string complaint = content_of(err);
  while (complaint.ends_with('\n')) complaint.pop_back();
  if (complaint.empty()) complaint = "ended with " + std::to_string(code);
  return failure(complaint.starts_with(name) ? complaint : name + ": " + complaint);
}

}  // namespace outrigger::app
