import { chromium, type Browser } from 'playwright-core';

/** The browsers that can be driven, in the order of preference. */
export const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
export const INSTALL_BROWSER = 'install Chromium (apt-get install chromium)';

/** Starts a browser without a window. @param path of the program */
export function openBrowser(path: string): Promise<Browser> {
  return chromium.launch({
    executablePath: path,
    // Chromium's sandbox does not start as root, as which containers and CI run.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}
