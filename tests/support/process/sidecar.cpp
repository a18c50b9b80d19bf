#include "tests/support/process/sidecar.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include <gtest/gtest.h>

namespace outrigger::testing {
namespace {

std::filesystem::path write_config(const TempFolder& folder, const std::string& yaml,
                                   const SidecarOptions& options) {
  if (!options.path.empty()) return options.path;
  std::string text;
  if (!options.own_admin) {
    text += "admin: {address: \"127.0.0.1:0\"}\nmetrics: {address: \"127.0.0.1:0\"}\n";
  }
  if (yaml.find("listeners:") == std::string::npos) {
    text += "listeners: [{name: outbound, address: \"127.0.0.1:0\"}]\n";
  }
  const auto path = folder / "outrigger.yaml";
  replace_file(path, text + yaml);
  return path;
}

// The value of `"key":"value"` in a line of JSON.
std::string value_of(const std::string& line, const std::string& key) {
  const std::string opening = "\"" + key + "\":\"";
  const size_t begin = line.find(opening);
  if (begin == std::string::npos) return {};
  const size_t from = begin + opening.size();
  return line.substr(from, line.find('"', from) - from);
}

std::vector<std::string> command(const std::string& file, const SidecarOptions& options) {
  std::vector<std::string> argv{outrigger_binary(), "run", "-c", file};
  argv.insert(argv.end(), options.arguments.begin(), options.arguments.end());
  return argv;
}

}  // namespace

std::string outrigger_binary() {
  const char* another = std::getenv("OUTRIGGER_UNDER_TEST");
  return another == nullptr ? OUTRIGGER_BINARY : another;
}

Sidecar::Sidecar(const std::string& yaml, const SidecarOptions& options)
    : x_process(command(write_config(x_folder, yaml, options).string(), options), options.spawn) {
  if (!options.waits) return;
  EXPECT_TRUE(logs("\"msg\":\"ready\"", 30'000)) << log();
}

Sidecar::~Sidecar() {
  if (!x_is_killed) {
    EXPECT_EQ(interrupt(), 0) << log();
  }
  EXPECT_EQ(log().find("Sanitizer"), std::string::npos) << log();
}

void Sidecar::kill() {
  x_process.signal(SIGKILL);
  x_is_killed = x_process.wait() == 128 + SIGKILL;
}

// Two signals that come as one are one, so the second waits until the first was seen. None comes
// after the end has begun: from then on it would kill.
int Sidecar::interrupt() {
  x_process.signal(SIGINT);
  eventually([this] { return !x_process.is_running() || logs("\"kind\":\"drain\"", 0); });
  for (int i = 0; i < 40 && x_process.is_running() && !logs("\"msg\":\"ended\"", 0); ++i) {
    x_process.signal(SIGINT);
    x_process.wait(500);
  }
  return x_process.wait().value_or(-1);
}

std::string Sidecar::address(std::string_view listener, size_t n) const {
  std::istringstream lines(log());
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"msg\":\"listening\"") == std::string::npos) continue;
    if (value_of(line, "listener") == listener && n-- == 0) return value_of(line, "address");
  }
  ADD_FAILURE() << "nothing listens as " << listener << "\n" << log();
  return {};
}

bool Sidecar::logs(std::string_view text, int64_t limit_ms) const {
  return eventually([&] { return log().find(text) != std::string::npos; }, limit_ms);
}

Response Sidecar::admin(std::string_view method, std::string_view path, std::string_view body,
                        std::string_view fields) const {
  std::string request = std::string(method) + " " + std::string(path) +
                        " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  if (!body.empty()) {
    if (fields.find("Content-Type") == std::string_view::npos) {
      request += "Content-Type: application/json\r\n";
    }
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  request.append(fields).append("\r\n").append(body);
  return call(admin_address(), request);
}

double Sidecar::metric(std::string_view name, std::vector<std::string> labels) const {
  const Response page = testing::get(metrics_address(), "localhost", "/metrics");
  std::istringstream lines(page.body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || (line[name.size()] != ' ' && line[name.size()] != '{')) continue;
    const bool fits = std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
      return line.find(label) != std::string::npos;
    });
    if (fits) sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return sum;
}

}  // namespace outrigger::testing
