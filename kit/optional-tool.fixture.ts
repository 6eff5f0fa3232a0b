import { findTool, type OptionalTool } from './find-tool';
import { requiresTools } from './testing.config';

export { findTool, type OptionalTool };

/**
 * `describe` for what needs an optional program. Where it is absent the suite is skipped and its one line says what to
 * install; with REQUIRE_TOOLS=1, as in CI, that line fails.
 */
export function describeWith(tool: OptionalTool, title: string, body: (path: string) => void): void {
  const { path, install } = tool;
  if (path !== undefined) {
    describe(title, () => body(path));
  } else if (requiresTools()) {
    test(`${title}: ${install}`, () => {
      throw new Error(`${install}: it is required here`);
    });
  } else {
    process.stderr.write(`${title} — skipped: ${install}\n`);
    test.skip(`${title} — skipped: ${install}`, () => {});
  }
}
