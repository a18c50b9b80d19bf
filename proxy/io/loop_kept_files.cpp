#include "proxy/io/loop_kept_files.hpp"

#include <utility>

#include "proxy/io/loop_port.hpp"

namespace outrigger::io {

struct LoopKeptFiles::Question {
  KeptFileEvents* events;  // null: cancelled; the loop's thread
};

// What was begun is written, whoever still listens.
class LoopKeptFiles::Save final : public FileTask {
 public:
  explicit Save(std::shared_ptr<Question> question) : x_question(std::move(question)) {}
  ~Save() override { x_question->events = nullptr; }

 private:
  const std::shared_ptr<Question> x_question;
};

LoopKeptFiles::LoopKeptFiles(Loop& loop, FileThread& thread)
    : x_thread(thread), x_port(std::make_shared<LoopPort>(loop)) {}

LoopKeptFiles::~LoopKeptFiles() { x_port->close(); }

FileTaskPtr LoopKeptFiles::save(const std::string& folder, const std::string& name,
                                std::string text, KeptFileEvents& events) {
  const auto question = std::make_shared<Question>(Question{&events});
  x_thread.post(
      [port = x_port, question, folder, name, text = std::move(text)](FileThread::Watches&) {
        port->post([question, kept = save_kept_file(folder, name, text)] {
          if (question->events != nullptr) question->events->on_kept(kept);
        });
      });
  return std::make_unique<Save>(question);
}

}  // namespace outrigger::io
