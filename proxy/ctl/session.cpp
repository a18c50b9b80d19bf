#include "proxy/ctl/session.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <nlohmann/json.hpp>

#include "proxy/ctl/event_lines.hpp"
#include "proxy/ctl/understood.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";
// Heartbeats come more often.
constexpr int64_t kStreamSilenceMs = 45'000;

bool is_good(int status) { return status >= 200 && status < 300; }

Failed refusal(int status, std::string_view body) {
  return {kRefused, "refused: " + problem_line(status, body)};
}

// Prints messages as they come.
class Printer final : public client::AnswerEvents {
 public:
  Printer(const Session& session, Text (*view)(std::string_view, const Look&), bool redraws)
      : x_session(session), x_view(view), x_redraws(redraws) {}

  const Failed& failed() const { return x_failed; }

 private:
  void on_head(int status, const http::Fields&) override { x_status = status; }
  void on_body(std::string_view bytes) override {
    if (!is_good(x_status)) {
      x_body += bytes;
      return;
    }
    x_lines.feed(bytes, [this](std::string_view, std::string_view data) { show(data); });
  }
  void on_end() override {
    x_failed = is_good(x_status) ? Failed{kUnreachable, "the sidecar ended the stream"}
                                 : refusal(x_status, x_body);
  }
  void on_failed(const std::string& why) override { x_failed = {kUnreachable, why}; }

  void show(std::string_view data) {
    if (x_session.json()) return print(std::string(data) + "\n");
    const Look look = x_session.look();
    const Text text = x_view(data, look);
    if (!text) return;
    if (x_redraws && look.colour) print(kClearScreen);
    print(*text);
  }

  const Session& x_session;
  Text (*const x_view)(std::string_view, const Look&);
  const bool x_redraws;
  int x_status = 0;
  std::string x_body;
  EventLines x_lines;
  Failed x_failed;
};

}  // namespace

std::string problem_line(int status, std::string_view body) {
  const Json problem = Json::parse(body, nullptr, false);
  if (!problem.is_object()) return "HTTP status " + std::to_string(status);
  std::string line = text_at(problem, "detail");
  const auto errors = problem.find("errors");
  if (errors != problem.end() && errors->is_array()) {
    const char* separator = ": ";
    for (const Json& error : *errors) {
      line += std::exchange(separator, "; ");
      const std::string file = text_at(error, "file");
      const std::string path = text_at(error, "path");
      if (!file.empty() && error.contains("line")) {
        line += file + ":" + text_at(error, "line") + ":" + text_at(error, "column") + ": ";
      } else if (!path.empty()) {
        line += path + ": ";
      }
      line += text_at(error, "detail");
    }
  }
  constexpr int kUnauthorized = 401;
  if (status == kUnauthorized) line += " (--token-file FILE)";
  return harmless(line);
}

Result<client::Answer, Failed> Session::ask(std::string_view method, const std::string& target,
                                            std::string_view body, Fields fields) {
  add_token(fields);
  const auto names_type = [](const auto& field) { return field.first == "content-type"; };
  if (!body.empty() && std::ranges::none_of(fields, names_type)) {
    fields.emplace_back("content-type", "application/json");
  }
  auto answer = x_caller.ask({method, target, std::move(fields), std::string(body)});
  if (!answer) return failure(Failed{kUnreachable, answer.error()});
  if (!is_good(answer->status)) return failure(refusal(answer->status, answer->body));
  return std::move(*answer);
}

Outcome Session::show(const std::string& target, Text (*view)(std::string_view, const Look&)) {
  const auto answer = ask("GET", target);
  if (!answer) return failure(answer.error());
  if (json()) return answer->body;
  return outcome_of(view(answer->body, look()));
}

Failed Session::follow(const std::string& target, Fields fields,
                       Text (*view)(std::string_view, const Look&), bool redraws) {
  add_token(fields);
  fields.emplace_back("accept", "text/event-stream");
  Printer printer(*this, view, redraws);
  client::Bounds bounds;
  bounds.silence_ms = kStreamSilenceMs;
  bounds.whole_ms = 0;
  bounds.body_bytes = std::string::npos;
  x_caller.follow({"GET", target, std::move(fields), ""}, bounds, printer);
  return printer.failed();
}

Look Session::look() const {
  Look look = x_options.look;
  look.now_ms = x_caller.wall_ms();
  return look;
}

void Session::add_token(Fields& fields) const {
  if (!x_options.token.empty()) fields.emplace_back("authorization", "Bearer " + x_options.token);
}

Outcome outcome_of(const Text& text) {
  if (!text) return failure(Failed{kUnreachable, text.error()});
  return *text;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  // Whoever read it has left, as `head` does.
  if (std::fflush(stdout) != 0) std::exit(kDone);
}

}  // namespace outrigger::ctl
