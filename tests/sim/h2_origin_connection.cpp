#include "tests/sim/h2_origin_connection.hpp"

#include <algorithm>

namespace outrigger::sim {
namespace {

constexpr uint32_t kTiny = 200;  // a window that would take for ever if it stayed so

}  // namespace

Origin::H2Connection::H2Connection(Origin& origin, testing::VirtualLoop& loop, io::StreamPtr stream,
                                   std::string_view begun)
    : x_origin(origin),
      x_loop(loop),
      x_stream(std::move(stream)),
      x_settings{.tunnels = is_gentle() || random().chance(0.8)},
      x_wire(H2Wire::Role::kServer, (draw_settings(), x_settings), *this),
      x_flush(loop, [this] { flush(); }),
      x_change(loop, [this] { change(); }),
      x_idle(loop, [this] { on_idle(); }),
      x_go(loop, [this] { go_away(std::max(last_begun(), x_wire.last_stream())); }),
      x_grow(loop, [this] { grow(); }) {
  if (x_settings.window < kTiny) x_grow.arm_at(x_loop.now_ms() + random().below(2'000));
  x_stream->start(*this);
  if (random().chance(0.4)) x_change.arm_at(x_loop.now_ms() + random().below(4'000));
  on_read(begun);
}

// The wire goes as well.
Origin::H2Connection::~H2Connection() {
  for (const auto& [id, stream] : x_streams) stream->stop();
}

void Origin::H2Connection::draw_settings() {
  const uint32_t windows[] = {65'535, 65'535, 1'000'000, between(random(), 0, 20),
                              between(random(), kTiny, 2'000)};
  x_settings.window = windows[random().below(std::size(windows))];
  x_settings.streams = is_gentle() || random().chance(0.6) ? 100 : between(random(), 0, 5);
  x_settings.answers_pings = is_gentle() || random().chance(0.8);
  x_settings.measures = random().chance(x_origin.x_context.plan.awkward);
}

// ---- events

void Origin::H2Connection::on_read(std::string_view bytes) {
  if (x_stream == nullptr || x_deaf) return;
  x_idle.cancel();
  x_wire.receive(bytes);
  flush_soon();
}

void Origin::H2Connection::on_broken() {
  x_origin.note_death();
  drop("origin: broken");
}

void Origin::H2Connection::drop(std::string_view why) {
  if (x_stream == nullptr) return;
  note(why);
  for (auto* event : {&x_flush, &x_change, &x_idle, &x_go, &x_grow}) event->cancel();
  for (const auto& [id, stream] : x_streams) stream->stop();
  x_loop.context().reaper.doom(std::move(x_stream));
}

void Origin::H2Connection::on_wrong(const std::string& what) {
  x_origin.x_context.ledger.violation("at origin " + x_origin.x_address.to_string() +
                                      " over HTTP/2: " + what);
}

Origin::H2Stream* Origin::H2Connection::find(int32_t id) {
  const auto found = x_streams.find(id);
  return found == x_streams.end() ? nullptr : found->second.get();
}

void Origin::H2Connection::on_field(int32_t id, std::string_view name, std::string_view value) {
  // They may come until the GOAWAY does, which may wait for room to be written.
  if (x_leaving && id > x_last_taken) return;
  auto& stream = x_streams[id];
  if (stream == nullptr) stream = std::make_unique<H2Stream>(*this, id);
  if (name == "x-id") stream->arrive(value);
}

void Origin::H2Connection::on_fields(int32_t id, const Head& head) {
  if (H2Stream* stream = find(id)) stream->on_head(head);
}

// The connection's window is always open: what a stream does not take stops no other.
void Origin::H2Connection::on_data(int32_t id, std::string_view bytes) {
  x_wire.open_connection(bytes.size());
  if (H2Stream* stream = find(id)) stream->on_data(bytes);
}

void Origin::H2Connection::on_message_end(int32_t id) {
  if (H2Stream* stream = find(id)) stream->on_message_end();
}

void Origin::H2Connection::on_closed(int32_t id, uint32_t code) {
  note("origin: stream closed", static_cast<uint64_t>(id), code);
  x_streams.erase(id);
  const bool may_close = !x_leaving && x_streams.empty() && x_origin.x_mood.closes_idle;
  if (may_close && random().chance(0.4)) {
    x_idle.arm_at(x_loop.now_ms() + random().below(random().chance(0.5) ? 5 : 2'000));
  }
}

// ---- the connection as a whole

void Origin::H2Connection::flush() {
  while (x_stream != nullptr && !x_deaf && x_stream->unsent() == 0) {
    std::string bytes = x_wire.take_output() + std::exchange(x_garbage, {});
    if (x_bytes_left) {
      bytes.resize(std::min(bytes.size(), *x_bytes_left));
      *x_bytes_left -= bytes.size();
    }
    if (!bytes.empty()) x_stream->write(bytes);
    if (x_bytes_left == size_t{0}) return die();
    if (bytes.empty()) break;
  }
  for (const auto& [id, stream] : x_streams) stream->on_flushed();
  if (x_stream == nullptr || !x_leaving || !x_streams.empty() || x_stream->unsent() > 0) return;
  x_stream->finish();
  drop("origin: ends after GOAWAY");
}

// A body of which a part was read need not be at hand any more: a gentle origin keeps such a call.
int32_t Origin::H2Connection::last_begun() const {
  int32_t last = 0;
  for (const auto& [id, stream] : x_streams) {
    const bool kept = stream->is_begun() || (is_gentle() && stream->has_body());
    last = kept ? id : last;
  }
  return last;
}

void Origin::H2Connection::go_away_now() {
  if (!x_leaving) go_away(last_begun());
}

void Origin::H2Connection::leave_slowly() {
  // Good ones wait for what is on its way, through whatever pipe.
  const int64_t there_and_back_ms = is_gentle() ? 2'000 : random().below(100);
  if (x_leaving || x_go.is_armed()) return;
  note("origin: gives notice");
  x_wire.notice_of_shutdown();
  x_go.arm_at(x_loop.now_ms() + there_and_back_ms);
  flush_soon();
}

void Origin::H2Connection::grow() {
  x_settings.window = 65'535;
  x_wire.set(x_settings);
  flush_soon();
}

void Origin::H2Connection::go_away(int32_t last, uint32_t code) {
  if (x_leaving) return;
  x_origin.note_death();
  for (const auto& [id, stream] : x_streams) {
    if (id > last) stream->send_back();
  }
  note("origin: GOAWAY", static_cast<uint64_t>(last), code);
  x_leaving = true;
  x_last_taken = last;
  x_wire.goaway(last, code);
  flush_soon();
}

void Origin::H2Connection::die_after(size_t bytes, bool reset) {
  x_dies_by_reset = reset;
  x_bytes_left = std::min(bytes, x_bytes_left.value_or(bytes));
  flush_soon();
}

void Origin::H2Connection::die() {
  x_origin.note_death();
  if (x_dies_by_reset) {
    x_stream->abort();
  } else {
    x_stream->finish();
  }
  drop(x_dies_by_reset ? "origin: resets" : "origin: finishes");
}

void Origin::H2Connection::send_garbage() {
  x_garbage = random().chance(0.5) ? "HTTP/1.1 500 What\r\n\r\n" : std::string(40, '\xff');
  x_bytes_left.reset();
  x_leaving = true;
  flush_soon();
}

std::shared_ptr<H2Tunnel> Origin::H2Connection::carry(int32_t id) {
  auto tunnel = std::make_shared<H2Tunnel>(x_loop, x_wire, id, [this] { flush_soon(); });
  x_tunnels.push_back(std::make_unique<Tunnel>(
      x_origin, x_loop, std::make_unique<H2TunnelStream>(tunnel), std::string_view()));
  return tunnel;
}

// Something that nobody asked for.
void Origin::H2Connection::change() {
  if (x_stream == nullptr) return;
  switch (random().below(is_gentle() ? 3 : 7)) {
    case 0:
      draw_settings();
      note("origin: SETTINGS", x_settings.window, x_settings.streams);
      x_wire.set(x_settings);
      if (x_settings.window < kTiny) x_grow.arm_at(x_loop.now_ms() + random().below(2'000));
      x_change.arm_at(x_loop.now_ms() + random().below(3'000));
      break;
    case 1:
      leave_slowly();
      break;
    case 2:
      x_wire.ping();
      break;
    case 3:
      go_away_now();
      break;
    case 4:  // and it means it
      if (!x_leaving) go_away(last_begun(), NGHTTP2_INTERNAL_ERROR);
      die_after(200, false);
      break;
    case 5:
      note("origin: falls deaf");
      x_origin.note_death();
      x_deaf = true;
      x_stream->pause_reading();
      for (const auto& [id, stream] : x_streams) stream->stop();
      break;
    default:
      die_after(random().below(2'000), random().chance(0.5));
      break;
  }
  flush_soon();
}

// Maybe just when the proxy is about to use it.
void Origin::H2Connection::on_idle() {
  if (!x_streams.empty() || x_leaving) return;
  if (x_stream->unsent() > 0) return x_idle.arm_at(x_loop.now_ms() + 1);
  if (random().chance(0.5)) return leave_slowly();
  die_after(0, !is_gentle() && random().chance(0.3));
  flush();  // at once: it takes no stream any more
}

}  // namespace outrigger::sim
