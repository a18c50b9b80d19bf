#include "proxy/discovery/poll_source.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::discovery {

PollSource::PollSource(LoopContext loop, std::shared_ptr<RegistryServer> server, SourceKind kind,
                       std::string key, const Memory& memory, SourceEvents& events)
    : Source(events),
      x_loop(loop),
      x_server(std::move(server)),
      x_kind(kind),
      x_key(std::move(key)) {
  const auto known = memory.find(x_key);
  if (known != memory.end()) x_remembered = known->second;
}

void PollSource::start() {
  if (x_remembered) {
    x_answered_at_ms = x_remembered->at_ms;
    x_is_from_disk = x_remembered->from_disk;
    report(std::move(x_remembered->list));
  }
  ask();
}

void PollSource::remember(Memory& memory) const {
  if (answered()) memory[x_key] = {list(), x_answered_at_ms, x_is_from_disk};
}

void PollSource::ask() {
  constexpr int64_t kTokenMs = 10;
  if (x_server->awaits_token()) return ask_in(kTokenMs);
  x_asked = &x_server->client();
  x_call = x_asked->ask(question(), bounds(),
                        [this](const Result<client::Answer>& answer) { take(answer); });
}

void PollSource::take(const Result<client::Answer>& answer) {
  x_loop.reaper.doom(std::move(x_call));
  if (!answer) return fail(answer.error());
  const std::string server = x_asked->url().origin();
  auto list = read(*answer);
  if (!list) return fail(server + ": " + list.error());
  x_after_error.reset();
  x_is_failing = false;
  x_is_from_disk = false;
  x_answered_at_ms = x_loop.clock.now_ms();
  ask_in(next_ms());
  report(std::move(*list));
}

void PollSource::fail(const std::string& why) {
  x_is_failing = true;
  x_server->try_another_than(*x_asked);
  start_over();
  ask_in(x_after_error.next_ms(x_loop.random));
  report_failure(x_kind, why);
}

void PollSource::ask_in(int64_t ms) { x_loop.timers.arm(x_again, x_loop.clock.now_ms() + ms); }

std::string why_refused(const client::Answer& answer) {
  constexpr int kOk = 200;
  return answer.status == kOk ? "" : why_refused(answer.status, answer.body);
}

std::string why_refused(int status, std::string text) {
  constexpr size_t kTextMax = 240;
  text.resize(std::min(text.size(), kTextMax));
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c >= 0x7F; }, ' ');
  return "status " + std::to_string(status) + (text.empty() ? "" : ": " + text);
}

}  // namespace outrigger::discovery
