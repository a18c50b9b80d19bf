#include "tests/sim/tunnel_end.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::sim {

TunnelEnd::TunnelEnd(Ledger& ledger, testing::VirtualLoop& loop, Random& random,
                     TunnelLedger::End& record, const TunnelManners& manners,
                     std::function<void()> on_over)
    : x_ledger(ledger),
      x_loop(loop),
      x_random(random),
      x_record(record),
      x_manners(manners),
      x_on_over(std::move(on_over)),
      x_speak(loop, [this] { speak(); }),
      x_read_on(loop, [this] { x_stream->resume_reading(); }) {}

void TunnelEnd::note(std::string_view what, uint64_t b) {
  x_ledger.note(now_ms(), what, x_record.number, b);
}

void TunnelEnd::check(const std::string& wrong) {
  if (!wrong.empty()) x_ledger.violation("in a tunnel, " + wrong);
}

std::string TunnelEnd::take(size_t count) {
  std::string bytes = TunnelLedger::next(x_record, std::min(count, due()));
  x_record.said += bytes.size();
  return bytes;
}

void TunnelEnd::open(io::StreamPtr stream, std::string_view begun) {
  const bool is_client = x_record.side == TunnelLedger::Side::kClient;
  note(is_client ? "client: tunnel" : "origin: tunnel", x_manners.bytes);
  x_record.is_open = true;
  x_stream = std::move(stream);
  x_stream->start(*this);
  x_patient_until_ms = now_ms() + x_manners.patience_ms;
  x_speak.arm_at(now_ms() + (x_record.said > 0 ? 0 : x_manners.first_ms));
  if (!begun.empty()) hear(begun);
}

// ---- what it hears

void TunnelEnd::on_read(std::string_view bytes) { hear(bytes); }

void TunnelEnd::hear(std::string_view bytes) {
  check(x_ledger.tunnels.hear(x_record, bytes));
  if (x_stream == nullptr) return;  // it closed as soon as it was open
  if (x_manners.stalls_at && x_record.heard >= *x_manners.stalls_at) {
    x_manners.stalls_at.reset();
    note("tunnel: stops reading", x_record.heard);
    x_stream->pause_reading();
    x_read_on.arm_at(now_ms() + x_manners.stall_ms);
  }
  if ((x_manners.waits || x_manners.echoes) && x_record.heard > 0) x_speak.arm();
}

void TunnelEnd::on_end() {
  note("tunnel: the other way ended", x_record.heard);
  check(x_ledger.tunnels.hear_end(x_record));
  x_speak.arm();
  drop_if_over();
}

void TunnelEnd::on_broken() {
  x_record.broken = true;
  drop("tunnel: broken");
}

// ---- what it says

size_t TunnelEnd::due() const {
  const uint64_t most =
      x_manners.echoes ? std::min<uint64_t>(x_manners.bytes, x_record.heard) : x_manners.bytes;
  return most > x_record.said ? most - x_record.said : 0;
}

bool TunnelEnd::waits_for_peer() const {
  if (x_record.ended) return false;
  const bool is_over = now_ms() >= x_patient_until_ms;
  if (x_manners.waits && x_record.heard == 0 && !is_over) return true;
  const bool ends_last = x_manners.echoes || x_manners.ending == Ending::kLast;
  return due() == 0 && ends_last && (x_manners.is_patient || !is_over);
}

void TunnelEnd::speak() {
  if (x_stream == nullptr || x_record.finished) return drop_if_over();
  if (waits_for_peer()) {
    if (now_ms() < x_patient_until_ms) x_speak.arm_at(x_patient_until_ms);
    return;
  }
  if (x_stream->unsent() > 0) return;
  if (due() == 0) return finish();
  const std::string bytes =
      take(1 + x_random.below(static_cast<uint32_t>(std::max<size_t>(x_manners.piece_most, 1))));
  x_stream->write(bytes);
  x_speak.arm_at(now_ms() + x_manners.pause_ms);
}

void TunnelEnd::finish() {
  switch (x_manners.ending) {
    case Ending::kFinish:
    case Ending::kLast:
      note("tunnel: ends its way", x_record.said);
      x_record.finished = true;
      x_stream->finish();
      return drop_if_over();
    case Ending::kClose:
      return close();
    case Ending::kReset:
      return leave();
    case Ending::kNever:
      return;
  }
}

// ---- ends

void TunnelEnd::drop_if_over() {
  if (x_stream == nullptr || !x_record.finished || !x_record.ended) return;
  if (x_stream->unsent() == 0) drop("tunnel: over");
}

// What the other side still says meets nobody.
void TunnelEnd::close() {
  x_record.finished = x_record.left = true;
  x_stream->finish();
  drop("tunnel: closes");
}

void TunnelEnd::leave() {
  x_record.left = true;
  x_stream->abort();
  drop("tunnel: resets");
}

void TunnelEnd::drop(std::string_view why) {
  note(why, x_record.heard);
  x_speak.cancel();
  x_read_on.cancel();
  x_loop.context().reaper.doom(std::move(x_stream));
  x_on_over();
}

}  // namespace outrigger::sim
