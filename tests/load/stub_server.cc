// radio_server without a model: a batch takes 20 ms whatever is in it, and images of certain values
// make it fail. It isolates the server from the model.
//   stub_server --write_model=FOLDER   writes an artefact that it serves
//   stub_server --config=FILE          serves as radio_server does
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/time/clock.h"
#include "model/errors.h"
#include "server/main/program.h"
#include "tests/testing/fake_artefact.h"
#include "tests/testing/fake_engine.h"

ABSL_FLAG(std::string, write_model, "",
          "write an artefact for this program to a folder, then exit");
ABSL_FLAG(absl::Duration, batch_time, absl::Milliseconds(20), "what a batch takes");

namespace {

// First byte of an image -> what happens to its batch.
constexpr uint8_t kPoison = 250;
constexpr uint8_t kHang = 251;
constexpr uint8_t kDeviceLost = 252;
// The self-test's image: loading is not part of what is measured.
constexpr uint8_t kSelfTest = 51;

class StubEngine : public radio::FakeEngine {
 public:
  explicit StubEngine(radio::ModelSpec spec)
      : FakeEngine(std::move(spec),
                   [this](absl::Span<const radio::BatchItem> batch) { return Compute(batch); }) {}

  bool healthy() const override { return healthy_; }

 private:
  absl::Status Compute(absl::Span<const radio::BatchItem> batch) {
    for (const radio::BatchItem& item : batch) {
      switch (item.image->pixels.data[0]) {
        case kSelfTest:
          return absl::OkStatus();
        case kPoison:
          return absl::InternalError("poison");
        case kHang:
          absl::SleepFor(absl::InfiniteDuration());
          break;
        case kDeviceLost:
          healthy_ = false;
          return radio::MakeError(radio::Reason::kDeviceError, "device lost");
      }
    }
    absl::SleepFor(absl::GetFlag(FLAGS_batch_time));
    return absl::OkStatus();
  }

  std::atomic<bool> healthy_ = true;
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
