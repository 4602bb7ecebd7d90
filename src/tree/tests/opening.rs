//! Opening: locks, links to the root, whose tree it is, and looking without writing.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::super::view::Contents;
use super::*;

#[test]
fn the_root_may_be_reached_through_a_link() {
    let lab = Lab::new();
    let real = lab.out.with_file_name("real");
    fs::create_dir(&real).expect("a directory");
    symlink(&real, &lab.out).expect("a link");
    lab.build(&FIRST).expect("a build");
    assert_eq!(
        fs::read_to_string(real.join("edge/Caddyfile")).expect("a file"),
        "caddy"
    );
    fs::remove_dir_all(&real).expect("removed");
    assert_eq!(code_of(lab.build(&FIRST)), "tree::cannot-write");
}

#[test]
fn a_newer_manifest_and_another_homelab_are_refused() {
    let lab = Lab::built(&FIRST);
    let error = Tree::open(&lab.out, "other", SHORT).expect_err("another lab");
    assert_eq!(code(&error), "tree::another-homelab");
    let manifest = lab
        .text(".homelab/manifest.kdl")
        .replace("version=\"1\"", "version=\"7\"");
    lab.write(".homelab/manifest.kdl", &manifest);
    let before = lab.stand();
    let error = lab.build(&FIRST).expect_err("a newer manifest");
    assert_eq!(code(&error), "tree::newer-manifest");
    assert!(
        error.to_string().contains("version 7") && error.to_string().contains("version 1"),
        "{error}"
    );
    assert_eq!(lab.stand(), before);
}

#[test]
fn one_build_at_a_time() {
    let lab = Lab::built(&FIRST);
    let view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    View::open(&lab.out, OWNER, SHORT).expect("views do not exclude each other");
    assert_eq!(code_of(lab.open()), "tree::locked");
    drop(view);
    let tree = lab.open().expect("a tree");
    assert_eq!(code_of(lab.open()), "tree::locked");
    assert_eq!(
        code_of(View::open(&lab.out, OWNER, Duration::ZERO)),
        "tree::locked"
    );
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| Tree::open(&lab.out, OWNER, Duration::from_secs(30)).map(drop));
        std::thread::sleep(SHORT);
        drop(tree);
        waiting
            .join()
            .expect("no panic")
            .expect("the lock, after a while");
    });
}

#[test]
fn what_another_build_makes_after_a_glance_is_known_to_be_ours() {
    let lab = Lab::built(&FIRST);
    let guide = path("people/bob/guide.html");
    let tree = lab.open().expect("a tree");
    let view = View::glance(None, &lab.out, OWNER).expect("a view");
    assert!(!view.meanwhile().expect("somebody builds").has(&guide));
    let staged = tree.stage(&guide, Mode::Secret, b"guide").expect("staged");
    let put = Wanted::Put {
        staged,
        input: blake3::hash(b"guide"),
        templates: Vec::new(),
    };
    let kept = FIRST.iter().map(|(name, ..)| Wanted::Keep(path(name)));
    let wanted = kept.chain([put]).collect();
    tree.commit(wanted, &Scope::All).expect("a commit");
    assert_eq!(view.inspect(&guide).expect("read"), Found::Unowned);
    assert!(view.meanwhile().expect("somebody builds").has(&guide));
    // Nothing comes to a tree that one holds oneself.
    let view = View::glance(None, &lab.out, OWNER).expect("a view");
    assert!(view.meanwhile().is_none());
}

#[test]
fn a_directory_that_was_moved_away_while_waiting_is_made_anew() {
    let lab = Lab::built(&FIRST);
    let tree = lab.open().expect("a tree");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Tree::open(&lab.out, OWNER, Duration::from_secs(30)));
        std::thread::sleep(SHORT);
        fs::rename(&lab.out, lab.out.with_file_name("old")).expect("moved");
        drop(tree);
        let tree = waiting.join().expect("no panic").expect("a tree");
        assert_eq!(tree.entries().count(), 0);
        assert!(lab.out.exists());
    });
}

#[test]
fn a_former_owner_s_tree_becomes_the_present_one_s() {
    let lab = Lab::new();
    lab.build(&[("edge/Caddyfile", Mode::Public, "one")])
        .expect("it is new");
    let owner = || Owner {
        present: String::from("new"),
        former: vec![String::from("older"), String::from(OWNER)],
    };
    let view = View::open(&lab.out, owner(), SHORT).expect("a view");
    assert_eq!(view.entries().count(), 1);
    drop(view);
    let tree = Tree::open(&lab.out, owner(), SHORT).expect("a tree");
    let kept = Wanted::Keep(path("edge/Caddyfile"));
    tree.commit(vec![kept], &Scope::All)
        .expect("nothing is in the way");
    View::open(&lab.out, "new", SHORT).expect("it is the new one's");
    let error = View::open(&lab.out, OWNER, SHORT).expect_err("and no other's");
    assert_eq!(code(&error), "tree::another-homelab");
}

#[test]
fn a_manifest_that_was_read_before_the_tree_was_held_counts_where_the_tree_has_the_same() {
    let lab = Lab::built(&FIRST);
    let read = || ReadManifest::at(&lab.out).expect("a manifest");
    let open = |earlier, owner: &str| View::open_after(Some(earlier), &lab.out, owner, SHORT);
    let view = open(read(), OWNER).expect("it is that one");
    assert_eq!(view.entries().count(), FIRST.len());
    drop(view);
    let error = open(read(), "other").expect_err("whoever has read it");
    assert_eq!(code(&error), "tree::another-homelab");
    // Somebody builds in between.
    let earlier = read();
    lab.build(&[("a", Mode::Public, "a")])
        .expect("the others go");
    let view = open(earlier, OWNER).expect("it is read anew");
    let entries: Vec<&OutputPath> = view.entries().map(|entry| &entry.path).collect();
    assert_eq!(entries, [&path("a")]);
    drop(view);
    // The present one's was read, and is a former one's for who opens it.
    let owner = Owner {
        former: vec![String::from(OWNER)],
        ..Owner::from("new")
    };
    let tree = Tree::open_after(Some(read()), &lab.out, owner, SHORT).expect("a tree");
    tree.commit(vec![Wanted::Keep(path("a"))], &Scope::All)
        .expect("nothing is in the way");
    assert!(lab.text(".homelab/manifest.kdl").contains("\"new\""));
    let text = lab.text(".homelab/manifest.kdl").replace("0644", "0645");
    lab.write(".homelab/manifest.kdl", &text);
    assert!(ReadManifest::at(&lab.out).is_none(), "it is damaged");
    assert!(ReadManifest::at(&lab.at("a")).is_none(), "it is a file");
    fs::remove_dir_all(&lab.out).expect("removed");
    assert!(ReadManifest::at(&lab.out).is_none());
}

#[test]
fn looking_changes_nothing() {
    let lab = Lab::new();
    let view = View::open(&lab.out, OWNER, SHORT).expect("an empty view");
    assert_eq!(view.inspect(&path("a")).expect("inspected"), Found::Missing);
    assert_eq!(view.read(&path("a")).expect("read"), None);
    assert!(!lab.out.exists());
    let lab = Lab::built(&FIRST);
    fs::create_dir(lab.at(".homelab/staging")).expect("what a killed build left");
    let before = lab.traces();
    let view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    let contents = view
        .read(&path("index.html"))
        .expect("read")
        .expect("a file");
    assert_eq!(
        contents,
        Contents {
            bytes: b"index".to_vec(),
            mode: 0o600
        }
    );
    assert_eq!(view.read(&path("people")).expect("read"), None);
    assert_eq!(lab.traces(), before);
}

#[test]
fn a_manifest_that_git_has_rewritten_is_the_one_that_was_written() {
    let lab = Lab::built(&FIRST);
    let text = lab.text(".homelab/manifest.kdl");
    let written = [blake3::hash(text.as_bytes())];
    let with_returns = text.replace('\n', "\r\n");
    for rewritten in [
        format!("\u{feff}{text}"),
        with_returns.clone(),
        format!("\u{feff}{with_returns}"),
    ] {
        lab.write(".homelab/manifest.kdl", &rewritten);
        let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
        for _ in 0..2 {
            assert!(!view.believe_only(&written), "{rewritten:?}");
            assert!(view.believe_only(&[blake3::hash(rewritten.as_bytes())]));
            assert_eq!(view.entries().count(), FIRST.len());
            let earlier = view.into_manifest();
            view = View::open_after(earlier, &lab.out, OWNER, SHORT).expect("it is that one");
        }
    }
    lab.write(".homelab/manifest.kdl", &text.replace('\n', "\r"));
    let view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    assert!(view.damaged());
}
