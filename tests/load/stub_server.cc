// radio_server without a model: a batch takes 20 ms whatever is in it, and images of certain values
// make it fail. It isolates the server from the model.
//   stub_server --write_model=FOLDER   writes an artefact that it serves
//   stub_server --config=FILE          serves as radio_server does
#include <atomic>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/time/clock.h"
#include "model/base/mutex.h"
#include "model/errors.h"
#include "server/main/program.h"
#include "tests/testing/fake_artefact.h"
#include "tests/testing/fake_engine.h"

ABSL_FLAG(std::string, write_model, "",
          "write an artefact for this program to a folder, then exit");
ABSL_FLAG(int, leak, 0, "bytes that each image leaves behind: what a soak must see");
ABSL_FLAG(int, batch_time_ms, 20, "what a batch takes");
ABSL_FLAG(int, overlapping_runs, 1, "2: as if it were a GPU, which computes one batch at a time");

namespace {

// First byte of an image -> what happens to its batch.
constexpr uint8_t kBug = 249;
constexpr uint8_t kPoison = 250;
constexpr uint8_t kHang = 251;
constexpr uint8_t kDeviceLost = 252;
// The next eight bytes are the caller's deadline (little-endian, Unix time in ms). An image that
// runs later than that is reported on standard error.
constexpr uint8_t kStamped = 253;
// As if the device had memory for two images.
constexpr uint8_t kLittleMemory = 254;
constexpr size_t kImagesInLittleMemory = 2;
// The self-test's image: loading is not part of what is measured.
constexpr uint8_t kSelfTest = 51;

class StubEngine : public radio::FakeEngine {
 public:
  explicit StubEngine(radio::ModelSpec spec)
      : FakeEngine(
            std::move(spec),
            [this](absl::Span<const radio::BatchItem> batch) { return Compute(batch); },
            absl::GetFlag(FLAGS_overlapping_runs)) {}

  bool healthy() const override { return healthy_; }

 private:
  // The device computes one batch at a time, in the order in which they came.
  class Turn {
   public:
    explicit Turn(StubEngine* engine) : engine_(engine) {
      radio::MutexLock lock(&engine_->mutex_);
      const int64_t number = engine_->begun_++;
      while (engine_->done_ < number) engine_->turn_ended_.Wait(&engine_->mutex_);
    }
    ~Turn() {
      radio::MutexLock lock(&engine_->mutex_);
      ++engine_->done_;
      engine_->turn_ended_.SignalAll();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    StubEngine* const engine_;
  };

  absl::Status Compute(absl::Span<const radio::BatchItem> batch) {
    const Turn turn(this);
    for (const radio::BatchItem& item : batch) {
      if (const int bytes = absl::GetFlag(FLAGS_leak); bytes > 0) leaked_.emplace_back(bytes, 'x');
      switch (item.image->pixels.data[0]) {
        case kSelfTest:
          return absl::OkStatus();
        case kBug:
          Misbehave();
          break;
        case kPoison:
          return absl::InternalError("poison");
        case kHang:
          absl::SleepFor(absl::InfiniteDuration());
          break;
        case kStamped:
          ReportIfLate(item.image->pixels.data);
          break;
        case kLittleMemory:
          if (batch.size() > kImagesInLittleMemory) return OutOfMemory();
          break;
        case kDeviceLost:
          healthy_ = false;
          return radio::MakeError(radio::Reason::kDeviceError, "device lost");
      }
    }
    absl::SleepFor(absl::Milliseconds(absl::GetFlag(FLAGS_batch_time_ms)));
    return absl::OkStatus();
  }

  static void ReportIfLate(absl::Span<const uint8_t> pixels) {
    int64_t deadline = 0;
    std::memcpy(&deadline, pixels.data() + 1, sizeof(deadline));
    const int64_t late = absl::ToUnixMillis(absl::Now()) - deadline;
    if (late > 0) std::fprintf(stderr, "ran %d ms late\n", static_cast<int>(late));
  }

  // A race and a read past the end: every sanitizer has something to report.
  static void Misbehave() {
    std::vector<int> shared(1);
    std::thread other([&] { ++shared[0]; });
    ++shared[0];
    other.join();
    const volatile int beyond = 1;
    std::fprintf(stderr, "read %d\n", shared.data()[beyond]);
  }

  static absl::Status OutOfMemory() {
    absl::Status status = radio::MakeError(radio::Reason::kInferenceFailed, "out of memory");
    radio::SetOutOfMemory(&status);
    return status;
  }

  std::atomic<bool> healthy_ = true;
  radio::Mutex mutex_;
  radio::CondVar turn_ended_;
  // Of runs: how many have begun, and how many the device has done.
  int64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t done_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of whose turn it is.
  std::deque<std::string> leaked_;
};

absl::StatusOr<std::unique_ptr<radio::Engine>> MakeEngine(const radio::server::EngineSource&,
                                                          const radio::ModelSpec& spec) {
  return std::make_unique<StubEngine>(spec);
}

}  // namespace

int main(int argc, char** argv) {
  // Parsed before the program parses them again: one of them ends it early.
  absl::ParseCommandLine(argc, argv);
  if (const std::string folder = absl::GetFlag(FLAGS_write_model); !folder.empty()) {
    radio::WriteFakeArtefact(folder);
    return 0;
  }
  return radio::server::RunProgram(argc, argv, MakeEngine);
}
