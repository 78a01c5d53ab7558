#include "client/cli/progress.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace radio::client {
namespace {

constexpr int kBarWidth = 24;

absl::Duration Interval(bool terminal) {
  return terminal ? absl::Milliseconds(100) : absl::Seconds(5);
}

std::string Bar(double part) {
  const int filled = static_cast<int>(part * kBarWidth);
  return absl::StrCat("[", std::string(filled, '='), std::string(kBarWidth - filled, ' '), "]");
}

}  // namespace

Progress::Progress(int64_t total, int64_t already, bool terminal, absl::Time start)
    : total_(total),
      already_(already),
      terminal_(terminal),
      start_(start),
      next_(start + Interval(terminal)) {}

std::optional<std::string> Progress::Report(int64_t done, int64_t failed, absl::Time now) {
  // The bar's last state is full.
  if (now < next_ && !(terminal_ && done == total_)) return std::nullopt;
  next_ = now + Interval(terminal_);
  reported_ = true;
  const double elapsed = absl::ToDoubleSeconds(now - start_);
  const double rate = elapsed > 0 ? static_cast<double>(done - already_) / elapsed : 0;
  std::string text = absl::StrFormat("%d/%d images, %.1f images/s", done, total_, rate);
  if (rate > 0) {
    absl::StrAppend(&text, ", ETA ",
                    FormatSeconds(absl::Seconds(static_cast<double>(total_ - done) / rate)));
  }
  if (failed > 0) absl::StrAppend(&text, ", ", failed, " failed");
  if (!terminal_) return text + "\n";
  const double part = static_cast<double>(done) / static_cast<double>(total_);
  return absl::StrCat("\r", Bar(part), " ", text, "\x1b[K");
}

std::string FormatSeconds(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace radio::client
