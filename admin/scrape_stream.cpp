#include "admin/scrape_stream.hpp"

#include <algorithm>

#include "admin/call.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::admin {

void ScrapePage::go_on() {
  if (x_scrape->collect()) return;
  x_pieces = x_scrape->take();
  for (const std::string& piece : x_pieces) x_bytes += piece.size();
  x_scrape.reset();
}

ScrapePagePtr ScrapePages::get(metrics::Exposition form) {
  auto& pages = x_pages[form];
  std::erase_if(pages, [](const auto& page) { return page.expired(); });
  ScrapePagePtr latest = pages.empty() ? nullptr : pages.back().lock();
  const bool is_full = pages.size() >= kPagesMax || bytes() >= kBytesMax;
  if (latest != nullptr && (!latest->is_ready() || is_full)) return latest;
  auto fresh = std::make_shared<ScrapePage>(x_exporter.begin(form));
  pages.push_back(fresh);
  return fresh;
}

size_t ScrapePages::bytes() const {
  size_t sum = 0;
  for (const auto& [form, pages] : x_pages) {
    for (const auto& page : pages) {
      if (const ScrapePagePtr held = page.lock()) sum += held->bytes();
    }
  }
  return sum;
}

void ScrapeStream::begin(const Answer& answer) {
  Arena& arena = x_leg.exchange().arena();
  auto* head = arena.make<http::ResponseHead>();
  head->status = answer.status;
  head->framing = http::Framing::kChunked;
  add_fields(head->fields, arena, answer);
  go_on_soon();
  x_leg.deliver_head(*head);
}

void ScrapeStream::on_congestion(bool congested) {
  x_congested = congested;
  if (!congested) go_on_soon();
}

void ScrapeStream::go_on() {
  if (!x_page->is_ready()) {
    x_page->go_on();
    return go_on_soon();
  }
  if (!x_leg.is_flowing() || x_congested) return;
  fill_batch();
  if (x_batch.empty()) return x_leg.push_end(nullptr);
  go_on_soon();
  x_leg.push_body(x_batch);
}

void ScrapeStream::fill_batch() {
  x_batch.clear();
  const auto& pieces = x_page->pieces();
  while (x_piece < pieces.size() && x_batch.size() < kBatchBytesMax) {
    const std::string& piece = pieces[x_piece];
    const size_t bytes = std::min(kBatchBytesMax - x_batch.size(), piece.size() - x_piece_sent);
    x_batch.append(piece, x_piece_sent, bytes);
    x_piece_sent += bytes;
    if (x_piece_sent < piece.size()) return;
    ++x_piece;
    x_piece_sent = 0;
  }
}

}  // namespace outrigger::admin
