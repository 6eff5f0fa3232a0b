import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { StackSettings } from './config';
import { StackError, StackInterrupted, messageOf } from './errors';
import { runTool } from './tool';

const JAVA_MINIMUM = 17;
const MAVEN_MINIMUM = [3, 6] as const;

/** @throws StackError where the embedded servers cannot run */
export function requirePlatform(platform: string = process.platform, arch: string = process.arch): void {
  if (platform === 'linux' && arch === 'x64') return;
  throw new StackError(
    `the embedded servers run on Linux x86_64 only, this is ${platform} ${arch}: use docker compose instead.`,
  );
}

/** Path of a command of the settings' PATH. */
export function findCommand(settings: StackSettings, name: string): string | undefined {
  const folders = (settings.environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What a program says of its version; how it failed, when it does not run at all. */
async function versionOutput(
  settings: StackSettings,
  file: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    const options = { cwd: settings.projectDir, env: settings.environment, signal };
    return (await runTool(file, ['-version'], options)).output;
  } catch (error) {
    if (error instanceof StackInterrupted) throw error;
    return messageOf(error);
  }
}

/** Major version in the output of `java -version`: 17 of "17.0.15", 8 of "1.8.0_402". */
export function javaMajor(output: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(output);
  return match === null ? undefined : Number(match[1]);
}

/** Path of a Java that is new enough: JAVA_HOME's, else the PATH's. @throws StackError */
export async function requireJava(settings: StackSettings, signal?: AbortSignal): Promise<string> {
  const install = `install Java ${JAVA_MINIMUM} or newer (Debian, Ubuntu: openjdk-17-jre-headless)`;
  const path =
    settings.javaHome === undefined ? findCommand(settings, 'java') : join(settings.javaHome, 'bin', 'java');
  if (path === undefined) throw new StackError(`Java is missing: ${install}.`);
  if (!isExecutable(path))
    throw new StackError(`JAVA_HOME has no bin/java (${path}): correct it, or ${install}.`);
  const output = await versionOutput(settings, path, signal);
  const major = javaMajor(output);
  if (major === undefined) throw new StackError(`${path} does not run (${output.trim()}): ${install}.`);
  if (major < JAVA_MINIMUM) throw new StackError(`Java ${major} at ${path} is too old: ${install}.`);
  return path;
}

/** [3, 8] of "Apache Maven 3.8.7". */
export function mavenVersion(output: string): [number, number] | undefined {
  const match = /Apache Maven (\d+)\.(\d+)/.exec(output);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** Path of a Maven that is new enough. @throws StackError */
export async function requireMaven(settings: StackSettings, signal?: AbortSignal): Promise<string> {
  const install = `install Maven ${MAVEN_MINIMUM.join('.')} or newer (Debian, Ubuntu: maven)`;
  const path = findCommand(settings, 'mvn');
  if (path === undefined) throw new StackError(`Maven is missing: ${install}.`);
  const output = await versionOutput(settings, path, signal);
  const version = mavenVersion(output);
  if (version === undefined) throw new StackError(`${path} does not run (${output.trim()}): ${install}.`);
  const [major, minor] = version;
  if (major > MAVEN_MINIMUM[0] || (major === MAVEN_MINIMUM[0] && minor >= MAVEN_MINIMUM[1])) return path;
  throw new StackError(`Maven ${major}.${minor} at ${path} is too old: ${install}.`);
}
