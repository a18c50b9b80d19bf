// `outrigger run` as a process of its own, with a configuration that the test writes; its addresses
// are read from its log. Admin and metrics get free ports unless the test says otherwise. The end
// of this object ends the process at once and fails the test when that was not clean: a leak, a
// sanitizer, an exit code. For the thread of the test that owns it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process/client.hpp"
#include "tests/support/process/process.hpp"

namespace outrigger::testing {

// The binary under test: that of this build, or the one that $OUTRIGGER_UNDER_TEST names.
std::string outrigger_binary();

struct SidecarOptions {
  bool own_admin = false;                // the text has `admin` and `metrics` of its own
  bool waits = true;                     // for the line that says it is ready
  std::vector<std::string> arguments{};  // of `run`, besides the file
  Spawn spawn{};
  std::string path{};  // a file or folder that is there already, instead of a text
};

class Sidecar {
 public:
  // `yaml` is the file, without the listeners when it begins with "services:": there is one then.
  explicit Sidecar(const std::string& yaml, const SidecarOptions& options = {});
  ~Sidecar();

  // Where the listener of that name (and the n-th address of it) is served.
  std::string address(std::string_view listener = "outbound", size_t n = 0) const;
  std::string admin_address() const { return address("admin"); }
  std::string metrics_address() const { return address("metrics"); }

  Process& process() { return x_process; }
  const TempFolder& folder() const { return x_folder; }
  std::filesystem::path file() const { return x_folder / "outrigger.yaml"; }
  std::string log() const { return x_process.err(); }
  bool logs(std::string_view text, int64_t limit_ms = 10'000) const;

  Response get(std::string_view host, std::string_view path = "/",
               std::string_view fields = "") const {
    return testing::get(address(), host, path, fields);
  }
  // A call to the admin API; `body` is JSON unless `fields` say something else.
  Response admin(std::string_view method, std::string_view path, std::string_view body = "",
                 std::string_view fields = "") const;
  // The sum of all series of that name whose labels contain each of `labels`; 0 without any.
  double metric(std::string_view name, std::vector<std::string> labels = {}) const;

  // Ends at once (a second SIGINT); the exit code.
  int interrupt();
  // SIGKILL, after which no clean end is expected.
  void kill();

 private:
  TempFolder x_folder;
  Process x_process;
  bool x_is_killed = false;
};

}  // namespace outrigger::testing
