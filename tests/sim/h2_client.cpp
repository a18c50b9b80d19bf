#include "tests/sim/h2_client.hpp"

#include <algorithm>
#include <iterator>

#include "tests/sim/h2_client_call.hpp"
#include "tests/sim/h2_client_tunnel.hpp"

namespace outrigger::sim {
namespace {

constexpr uint32_t kTiny = 200;  // a window that would take for ever if it stayed so

}  // namespace

H2Client::H2Client(const CallerContext& context, int calls, int64_t at_ms)
    : x_context(context),
      x_start(context.loop,
              [this] {
                note("client: comes with HTTP/2", x_calls.front()->call(), x_calls.size());
                x_connect = x_context.network.connect(*Address::parse(kOutbound), *this);
              }),
      x_next(context.loop, [this] { begin_next(); }),
      x_flush(context.loop, [this] { flush(); }),
      x_change(context.loop, [this] { change(); }),
      x_grow(context.loop,
             [this] {
               x_settings.window = 65'535;
               x_wire->set(x_settings);
               flush_soon();
             }),
      x_leave(context.loop, [this] { leave(x_leaves_by_reset); }),
      x_read_on(context.loop, [this] { x_stream->resume_reading(); }) {
  for (int i = 0; i < calls; ++i) {
    if (context.plan.opaque && context.random.chance(0.1)) {
      x_calls.push_back(std::make_unique<H2ClientTunnel>(*this));
    } else {
      x_calls.push_back(std::make_unique<H2ClientCall>(*this));
    }
  }
  draw_manners();
  x_start.arm_at(at_ms);
}

std::string H2Client::state() const {
  std::string text = "over HTTP/2, calls";
  for (const auto& call : x_calls) {
    if (!call->is_over()) text += " " + std::to_string(call->call());
  }
  return text + (x_stream == nullptr ? ", not connected" : "");
}

void H2Client::draw_manners() {
  draw_settings();
  x_gap_ms = random().chance(0.3) ? -1 : random().chance(0.5) ? 0 : between(random(), 0, 500);
  x_lingers = random().chance(0.3);
  if (x_context.plan.gentle) return;
  x_leaves_by_reset = random().chance(0.5);
  x_stops_reading = random().chance(0.05);
  if (random().chance(0.15)) x_bytes_left = random().below(random().chance(0.5) ? 1'000 : 50'000);
}

void H2Client::draw_settings() {
  const uint32_t windows[] = {65'535, 65'535, 1'000'000, between(random(), 0, 20),
                              between(random(), kTiny, 2'000)};
  x_settings.window = windows[random().below(std::size(windows))];
  x_settings.answers_pings = random().chance(0.9);
  x_settings.measures = random().chance(x_context.plan.awkward);
}

// ---- events

void H2Client::on_connected(io::StreamPtr stream) {
  x_context.loop.context().reaper.doom(std::move(x_connect));
  x_stream = std::move(stream);
  x_stream->start(*this);
  x_wire.emplace(H2Wire::Role::kClient, x_settings, *this);
  if (x_settings.window < kTiny) x_grow.arm_at(now_ms() + random().below(2'000));
  if (random().chance(0.3)) x_change.arm_at(now_ms() + random().below(3'000));
  if (!x_context.plan.gentle && random().chance(0.15)) {
    x_leave.arm_at(now_ms() + random().below(random().chance(0.5) ? 50 : 3'000));
  }
  begin_next();
}

void H2Client::on_connect_failed(Cause) {
  x_context.loop.context().reaper.doom(std::move(x_connect));
  const bool is_due = x_context.plan.drains || x_context.ledger.may_refuse(now_ms());
  if (!is_due) x_context.ledger.violation("the proxy does not accept");
  stop("client: is refused");
}

void H2Client::on_read(std::string_view bytes) {
  if (x_stream == nullptr) return;
  x_wire->receive(bytes);
  flush_soon();
  if (!std::exchange(x_stops_reading, false)) return;
  x_stream->pause_reading();
  x_read_on.arm_at(now_ms() + x_context.plan.stall_ms);
}

void H2Client::on_broken() {
  ++x_context.ledger.clients_broken_off;
  stop("client: broken");
}

H2ClientStream* H2Client::find(int32_t id) {
  const auto found = std::find_if(x_calls.begin(), x_calls.end(),
                                  [&](const auto& call) { return call->stream() == id; });
  return found == x_calls.end() ? nullptr : found->get();
}

void H2Client::on_fields(int32_t id, const Head& head) {
  if (H2ClientStream* call = find(id)) call->on_fields(head);
}

// The connection's window is always open: what a stream does not take stops no other.
void H2Client::on_data(int32_t id, std::string_view bytes) {
  x_wire->open_connection(bytes.size());
  if (H2ClientStream* call = find(id)) call->on_data(bytes);
}

void H2Client::on_message_end(int32_t id) {
  if (H2ClientStream* call = find(id)) call->on_message_end();
}

void H2Client::on_closed(int32_t id, uint32_t code) {
  if (H2ClientStream* call = find(id)) call->on_closed(code);
}

void H2Client::on_goaway(int32_t last, uint32_t code) {
  note("client: GOAWAY", static_cast<uint64_t>(last), code);
  x_refused = true;
  const bool is_fault =
      code == NGHTTP2_ENHANCE_YOUR_CALM || (code != NGHTTP2_NO_ERROR && x_context.plan.gentle);
  if (is_fault) on_wrong("GOAWAY with code " + std::to_string(code));
}

void H2Client::on_wrong(const std::string& what) {
  x_context.ledger.violation("at a caller over HTTP/2, " + what + "; " + state());
}

// ---- calls

void H2Client::begin_next() {
  while (x_stream != nullptr && x_begun < x_calls.size() && !x_refused && x_wire->may_open()) {
    x_calls[x_begun++]->begin();
    flush_soon();
    if (x_gap_ms < 0) return;
    if (x_gap_ms > 0) return x_next.arm_at(now_ms() + x_gap_ms);
  }
}

void H2Client::on_stream_over() {
  if (x_stream == nullptr) return;
  if (x_gap_ms < 0) x_next.arm();
  flush_soon();
}

// ---- the connection as a whole

void H2Client::flush() {
  while (x_stream != nullptr && x_stream->unsent() == 0) {
    std::string bytes = x_wire->take_output();
    if (x_bytes_left) {
      bytes.resize(std::min(bytes.size(), *x_bytes_left));
      *x_bytes_left -= bytes.size();
    }
    if (!bytes.empty()) x_stream->write(bytes);
    if (x_bytes_left == size_t{0}) return leave(x_leaves_by_reset);
    if (bytes.empty()) break;
  }
  for (const auto& call : x_calls) call->on_flushed();
  if (x_stream == nullptr || x_left || x_stream->unsent() > 0) return;
  const auto over = [](const auto& call) { return call->is_over() || call->stream() == 0; };
  const bool all = x_refused || x_begun == x_calls.size();
  if (all && !x_lingers && std::all_of(x_calls.begin(), x_calls.end(), over)) leave(false);
}

// Something that it may do at any time.
void H2Client::change() {
  if (x_stream == nullptr) return;
  switch (random().below(x_context.plan.gentle ? 2 : 3)) {
    case 0:
      draw_settings();
      note("client: SETTINGS", x_settings.window);
      x_wire->set(x_settings);
      if (x_settings.window < kTiny) x_grow.arm_at(now_ms() + random().below(2'000));
      break;
    case 1:
      x_wire->ping();
      break;
    default:
      note("client: goes away");
      x_refused = true;
      x_wire->goaway(0, NGHTTP2_NO_ERROR);
      break;
  }
  x_change.arm_at(now_ms() + random().below(3'000));
  if (x_begun == x_calls.size()) x_change.cancel();
  flush_soon();
}

// An end of its sending side is a caller who has gone, too (RFC 9113 knows no half-closed ones).
void H2Client::leave(bool reset) {
  if (x_stream == nullptr) return;
  x_left = true;
  note(reset ? "client: resets" : "client: ends", x_begun);
  if (reset) {
    x_stream->abort();
  } else {
    x_stream->finish();
  }
  stop("client: is gone");
}

void H2Client::stop(std::string_view why) {
  if (x_over) return;
  note(why, x_calls.front()->call());
  x_over = true;
  for (auto* event : {&x_next, &x_flush, &x_change, &x_grow, &x_leave, &x_read_on}) event->cancel();
  if (x_stream != nullptr) x_context.loop.context().reaper.doom(std::move(x_stream));
  for (const auto& call : x_calls) call->on_lost(x_left);
}

}  // namespace outrigger::sim
