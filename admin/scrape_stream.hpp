// The page of metrics as an answer: made in slices and sent in pieces, so that a page of megabytes
// keeps the control thread from nothing. Owned by its leg; control thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/answer.hpp"
#include "metrics/exporter.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/terminal.hpp"

namespace outrigger::admin {

// A page that is being made, or is ready. Shared by those who asked meanwhile.
class ScrapePage {
 public:
  explicit ScrapePage(std::unique_ptr<metrics::Scrape> scrape) : x_scrape(std::move(scrape)) {}

  bool is_ready() const { return x_scrape == nullptr; }
  // Makes a slice more.
  void go_on();
  const std::vector<std::string>& pieces() const { return x_pieces; }
  // Of what is ready.
  size_t bytes() const { return x_bytes; }

 private:
  std::unique_ptr<metrics::Scrape> x_scrape;  // null: all is collected
  std::vector<std::string> x_pieces;
  size_t x_bytes = 0;
};
using ScrapePagePtr = std::shared_ptr<ScrapePage>;

// Bounds how many pages there are, whoever does not read them. Owned by the AdminApi.
class ScrapePages {
 public:
  // Of one form, and of all together; beyond, and while one is made, scrapers share the latest.
  static constexpr size_t kPagesMax = 4;
  static constexpr size_t kBytesMax = 16 * 1024 * 1024;

  explicit ScrapePages(const metrics::Exporter& exporter) : x_exporter(exporter) {}
  ScrapePagePtr get(metrics::Exposition form);

 private:
  size_t bytes() const;

  const metrics::Exporter& x_exporter;
  std::map<metrics::Exposition, std::vector<std::weak_ptr<ScrapePage>>> x_pages;
};

class ScrapeStream final : public chain::Call {
 public:
  static constexpr size_t kBatchBytesMax = 64 * 1024;

  ScrapeStream(const LoopContext& loop, chain::CallLeg leg, ScrapePagePtr page)
      : x_loop(loop), x_leg(leg), x_page(std::move(page)) {}

  // With the fields of `answer`.
  void begin(const Answer& answer);

  void on_flow() override { go_on_soon(); }
  void on_request_body() override {}
  void on_congestion(bool congested) override;
  void cancel() noexcept override { x_timer.cancel(); }

 private:
  // In a callback of its own: other work comes between, and a batch must live until its push ends.
  void go_on_soon() { x_loop.timers.arm(x_timer, x_loop.clock.now_ms()); }
  void go_on();
  void fill_batch();

  const LoopContext x_loop;
  const chain::CallLeg x_leg;
  const ScrapePagePtr x_page;
  size_t x_piece = 0;       // the next one to send
  size_t x_piece_sent = 0;  // bytes of it
  std::string x_batch;
  bool x_congested = false;
  Timer x_timer = Timer::of<&ScrapeStream::go_on>(*this);
};

}  // namespace outrigger::admin
