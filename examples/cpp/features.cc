// Streams images to a RADIO server and prints what their features look like. Builds against the
// installed client library (docs/client.md):
//
//   g++ -std=c++17 features.cc -o features $(pkg-config --cflags --libs radio_client)
//   ./features localhost:50051 photo.jpg ...
#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>

#include "client/errors.h"
#include "client/feature_client.h"
#include "client/spatial.h"

namespace {

namespace client = radio::client;
namespace v1 = radio::v1;

std::string ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// One line: sizes, the first numbers of the summary, and the features with channels first.
absl::Status Print(const std::string& id, const client::ImageFeatures& image) {
  const absl::StatusOr<client::TensorView> summary = image.Summary();
  if (!summary.ok()) return summary.status();
  const absl::StatusOr<client::TensorView> features = image.Features();
  if (!features.ok()) return features.status();
  // A view into the received message: no copy.
  const absl::StatusOr<absl::Span<const float>> vector = summary->AsFloat32();
  if (!vector.ok()) return vector.status();
  const int height = image.geometry().grid_height();
  const int width = image.geometry().grid_width();
  const absl::StatusOr<std::vector<float>> nchw = client::ToNchw(*features, height, width);
  if (!nchw.ok()) return nchw.status();
  const size_t channels = nchw->size() / (static_cast<size_t>(height) * width);
  std::printf("%s: summary [%zu] = %.4f %.4f ..., features [%zu, %d, %d]\n", id.c_str(),
              vector->size(), vector->at(0), vector->at(1), channels, height, width);
  return absl::OkStatus();
}

absl::Status Run(const std::string& server, char** begin, char** end, int* failed) {
  client::ClientOptions connection;
  connection.server = server;
  const auto radio = client::FeatureClient::Connect(connection);
  if (!radio.ok()) return radio.status();

  client::StreamOptions options;
  options.preprocessing.set_resize(v1::RESIZE_MODE_NEAREST_SUPPORTED);
  options.max_in_flight = 16;
  std::mutex mutex;  // Answers may come on several threads at once.
  const auto stream = (*radio)->ExtractStream(
      options, [&](const std::string& id, const absl::StatusOr<client::ImageFeatures>& image) {
        const std::lock_guard<std::mutex> lock(mutex);
        const absl::Status status = image.ok() ? Print(id, *image) : image.status();
        if (status.ok()) return;
        std::fprintf(stderr, "%s: %s\n", id.c_str(), client::Describe(status).c_str());
        ++*failed;
      });
  for (char** path = begin; path != end; ++path) {
    v1::Image image;
    image.set_encoded(ReadFile(*path));
    // Waits while 16 images are unanswered.
    const absl::Status sent = stream->Send(*path, std::move(image));
    if (!sent.ok()) return sent;
  }
  return stream->Finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: features SERVER IMAGE...\n");
    return 2;
  }
  int failed = 0;
  const absl::Status status = Run(argv[1], argv + 2, argv + argc, &failed);
  if (!status.ok()) std::fprintf(stderr, "features: %s\n", client::Describe(status).c_str());
  return status.ok() && failed == 0 ? 0 : 1;
}
